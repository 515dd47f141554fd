// Files in memory, so that a test can damage and reopen a log some hundred thousand times.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/eventlog/storage/log_fixture.h"

namespace vigil::eventlog {

// One directory; names are what counts, whatever path leads to them. For one thread, or threads that never touch the
// same file at once while it grows.
class MemoryEnvironment : public FixedEnvironment {
 public:
  using Bytes = std::vector<std::byte>;

  Bytes& file(const std::string& name) { return *files_.at(name); }
  bool has(const std::string& name) const { return files_.contains(name); }
  void put(const std::string& name, Bytes bytes) { files_[name] = std::make_shared<Bytes>(std::move(bytes)); }
  void erase(const std::string& name) { files_.erase(name); }
  // The segments' names, oldest first.
  std::vector<std::string> segments() const {
    std::vector<std::string> found;
    for (const auto& [name, bytes] : files_) {
      if (name.ends_with(".seg")) found.push_back(name);
    }
    return found;
  }

  Expected<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override {
    const std::lock_guard lock(mutex_);
    const std::string name = path.filename();
    if (mode == OpenMode::create) files_[name] = std::make_shared<Bytes>();
    const auto found = files_.find(name);
    if (found == files_.end()) return fail(ErrorKind::not_found, path.string() + ": open: no such file");
    return std::make_unique<MemoryFile>(found->second);
  }
  Expected<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    const std::lock_guard lock(mutex_);
    auto moved = files_.extract(from.filename());
    files_[to.filename()] = moved.mapped();
    return {};
  }
  Expected<void> remove(const std::filesystem::path& path) override {
    const std::lock_guard lock(mutex_);
    files_.erase(path.filename());
    return {};
  }
  Expected<void> create_directories(const std::filesystem::path&) override { return {}; }
  Expected<std::vector<std::string>> list(const std::filesystem::path&) override {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const auto& [name, bytes] : files_) names.push_back(name);
    return names;
  }
  Expected<void> sync_directory(const std::filesystem::path&) override { return {}; }
  Expected<std::unique_ptr<Lock>> lock(const std::filesystem::path&) override { return std::make_unique<Lock>(); }

 private:
  class MemoryMapping : public Mapping {
   public:
    explicit MemoryMapping(std::shared_ptr<Bytes> bytes) : bytes_(std::move(bytes)) {}
    std::span<const std::byte> bytes() const override { return *bytes_; }

   private:
    std::shared_ptr<Bytes> bytes_;
  };
  class MemoryFile : public File {
   public:
    explicit MemoryFile(std::shared_ptr<Bytes> bytes) : bytes_(std::move(bytes)) {}
    Expected<std::uint64_t> size() override { return bytes_->size(); }
    Expected<void> read_at(std::uint64_t offset, std::span<std::byte> bytes) override {
      if (offset + bytes.size() > bytes_->size()) return fail(ErrorKind::io, "the file ends before");
      std::memcpy(bytes.data(), bytes_->data() + offset, bytes.size());
      return {};
    }
    Expected<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
      if (offset + bytes.size() > bytes_->size()) bytes_->resize(offset + bytes.size());
      std::memcpy(bytes_->data() + offset, bytes.data(), bytes.size());
      return {};
    }
    Expected<void> allocate(std::uint64_t bytes) override {
      if (bytes > bytes_->size()) bytes_->resize(bytes);
      return {};
    }
    Expected<void> sync() override { return {}; }
    void forget_cached() override {}
    Expected<std::unique_ptr<Mapping>> map() override { return std::make_unique<MemoryMapping>(bytes_); }

   private:
    std::shared_ptr<Bytes> bytes_;
  };

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Bytes>> files_;
};

}  // namespace vigil::eventlog
