#include "tools/head_file.h"

#include <nlohmann/json.hpp>

#include "api/time_text.h"
#include "eventlog/storage/checksum.h"

namespace vigil::tools {

using eventlog::ErrorKind;
using eventlog::Expected;
using eventlog::fail;

namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kHeadVersion = 1;
constexpr const char* kVersionField = "vigil_log_head";

// Reads one field after the other; the first that is wrong is kept.
class Fields {
 public:
  Fields(const Json& json, const std::string& file) : json_(json), file_(file) {}

  std::uint64_t number(const char* field) {
    const auto found = json_.find(field);
    if (found != json_.end() && found->is_number_unsigned()) return found->get<std::uint64_t>();
    wrong(field, "a number");
    return 0;
  }
  void bytes(const char* field, std::span<std::byte> into) {
    const auto found = json_.find(field);
    const bool good =
        found != json_.end() && found->is_string() && eventlog::from_hex(found->get_ref<const std::string&>(), into);
    if (!good) wrong(field, std::to_string(2 * into.size()) + " hexadecimal digits");
  }
  eventlog::IngestTime time(const char* field) {
    const auto found = json_.find(field);
    const bool text = found != json_.end() && found->is_string();
    const auto micros = text ? api::parse_time(found->get_ref<const std::string&>()) : std::nullopt;
    if (!micros) wrong(field, "a time such as \"2026-03-01T12:00:00.000000Z\"");
    return eventlog::IngestTime{micros.value_or(0)};
  }
  const std::string& error() const { return error_; }

 private:
  void wrong(const char* field, const std::string& wanted) {
    if (error_.empty()) error_ = file_ + ": '" + field + "' must be " + wanted;
  }

  const Json& json_;
  const std::string& file_;
  std::string error_;
};

}  // namespace

std::string head_text(const HeadFile& file) {
  const eventlog::LogHead& head = file.head;
  Json json = {{kVersionField, kHeadVersion},
               {"log_id", eventlog::hex(head.log_id)},
               {"epoch", head.epoch},
               {"position", head.position.value()},
               {"address", head.address.value()},
               {"hash", eventlog::hex(head.hash)},
               {"ingest_time", api::time_text(head.ingest_time.value())},
               {"created", api::time_text(head.created.value())}};
  if (file.by) {
    json["key"] = eventlog::hex(file.by->key);
    json["signature"] = eventlog::hex(file.by->signature);
  }
  return json.dump();
}

Expected<HeadFile> parse_head(std::string_view text, const std::string& file) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains(kVersionField)) {
    return fail(ErrorKind::invalid, file + ": is not the head of a log; `vigil log head --data DIR` prints one");
  }
  Fields fields(json, file);
  const std::uint64_t version = fields.number(kVersionField);
  if (version > kHeadVersion) {
    return fail(ErrorKind::unsupported_version, file + ": a head of version " + std::to_string(version) +
                                                    ", this Vigil reads version 1; use a newer Vigil");
  }
  HeadFile read;
  fields.bytes("log_id", read.head.log_id);
  read.head.epoch = fields.number("epoch");
  read.head.position = eventlog::Position{fields.number("position")};
  read.head.address = eventlog::Address{fields.number("address")};
  fields.bytes("hash", read.head.hash);
  read.head.ingest_time = fields.time("ingest_time");
  read.head.created = fields.time("created");
  if (json.contains("key") || json.contains("signature")) {
    read.by.emplace();
    fields.bytes("key", read.by->key);
    fields.bytes("signature", read.by->signature);
  }
  if (!fields.error().empty()) return fail(ErrorKind::invalid, fields.error());
  return read;
}

Expected<void> check_signature(const HeadFile& file, const std::optional<eventlog::PublicKey>& key,
                               const std::string& name) {
  if (!file.by) {
    if (!key) return {};
    return fail(ErrorKind::invalid, name + ": is not signed; `vigil log head --data DIR --key FILE` signs one");
  }
  if (key && *key != file.by->key) {
    return fail(ErrorKind::invalid, name + ": is signed by key " + eventlog::hex(file.by->key) + ", not by " +
                                        eventlog::hex(*key) + "; whoever holds the wanted key did not say this");
  }
  if (!eventlog::is_signed_by(file.head, file.by->signature, file.by->key)) {
    return fail(ErrorKind::invalid, name + ": the signature does not fit: the head was altered after it was signed");
  }
  return {};
}

}  // namespace vigil::tools
