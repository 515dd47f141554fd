// A frame builder that keeps its one record in memory, for codec tests.
#pragma once

#include <cstring>
#include <vector>

#include "eventlog/storage/frame_builder.h"

namespace vigil::eventlog {

class MemoryFrame : public FrameBuilder {
 public:
  bool empty() const override { return words_.empty(); }
  std::size_t bytes_free() const override { return 1 << 20; }
  IngestTime ingest_time() const override { return IngestTime{1}; }
  IngestTime begin(IngestTime now) override { return now; }
  std::span<std::byte> begin_record(std::uint16_t type, std::uint16_t version, std::span<const Link> links,
                                    std::optional<std::uint64_t> key, std::size_t payload_bytes_max) override {
    words_.assign(payload_bytes_max / 8, 0);
    links_.assign(links.begin(), links.end());
    record_.type = type;
    record_.version = version;
    record_.key = key;
    record_.links = links_;
    return std::as_writable_bytes(std::span(words_));
  }
  Placed placed() const override { return {Position{7}, Address{8192}}; }
  Placed end_record(std::size_t payload_bytes) override {
    record_.position = Position{7};
    record_.address = Address{8192};
    record_.payload = std::as_bytes(std::span(words_)).first(payload_bytes);
    return placed();
  }
  const Record& record() const { return record_; }

 private:
  std::vector<std::uint64_t> words_;
  std::vector<Link> links_;
  Record record_;
};

}  // namespace vigil::eventlog
