// The machine, but it fails when and where a test says.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "tests/eventlog/storage/log_fixture.h"

namespace vigil::eventlog {

enum class Call { open, read, write, allocate, sync, rename, remove, list, sync_directory };

// Thread-safe. Every call first asks `rule`; an error it returns is the call's result.
class FaultyEnvironment : public FixedEnvironment {
 public:
  using Rule = std::function<std::optional<Error>(Call, const std::filesystem::path&)>;

  void set(Rule rule) {
    const std::lock_guard lock(mutex_);
    rule_ = std::move(rule);
  }
  // From now on, every such call on a file whose name ends so fails.
  void fail_from_now(Call call, const std::string& suffix, ErrorKind kind) {
    set([=](Call made, const std::filesystem::path& path) -> std::optional<Error> {
      if (made != call || !path.string().ends_with(suffix)) return std::nullopt;
      return Error{kind, path.string() + ": injected failure"};
    });
  }
  std::optional<Error> ask(Call call, const std::filesystem::path& path) {
    const std::lock_guard lock(mutex_);
    ++calls_[static_cast<std::size_t>(call)];
    return rule_ ? rule_(call, path) : std::nullopt;
  }
  int calls(Call call) const {
    const std::lock_guard lock(mutex_);
    return calls_[static_cast<std::size_t>(call)];
  }

  Expected<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override {
    if (auto error = ask(Call::open, path)) return std::unexpected(*error);
    auto file = FixedEnvironment::open(path, mode);
    if (!file) return file;
    return std::make_unique<FaultyFile>(*this, path, std::move(*file));
  }
  Expected<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    if (auto error = ask(Call::rename, from)) return std::unexpected(*error);
    return FixedEnvironment::rename(from, to);
  }
  Expected<void> remove(const std::filesystem::path& path) override {
    if (auto error = ask(Call::remove, path)) return std::unexpected(*error);
    return FixedEnvironment::remove(path);
  }
  Expected<std::vector<std::string>> list(const std::filesystem::path& directory) override {
    if (auto error = ask(Call::list, directory)) return std::unexpected(*error);
    return FixedEnvironment::list(directory);
  }
  Expected<void> sync_directory(const std::filesystem::path& directory) override {
    if (auto error = ask(Call::sync_directory, directory)) return std::unexpected(*error);
    return FixedEnvironment::sync_directory(directory);
  }

 private:
  class FaultyFile : public File {
   public:
    FaultyFile(FaultyEnvironment& environment, std::filesystem::path path, std::unique_ptr<File> file)
        : environment_(environment), path_(std::move(path)), file_(std::move(file)) {}
    Expected<std::uint64_t> size() override { return file_->size(); }
    Expected<void> read_at(std::uint64_t offset, std::span<std::byte> bytes) override {
      if (auto error = environment_.ask(Call::read, path_)) return std::unexpected(*error);
      return file_->read_at(offset, bytes);
    }
    Expected<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
      if (auto error = environment_.ask(Call::write, path_)) {
        // As a short write does: the first half is there.
        static_cast<void>(file_->write_at(offset, bytes.first(bytes.size() / 2)));
        return std::unexpected(*error);
      }
      return file_->write_at(offset, bytes);
    }
    Expected<void> allocate(std::uint64_t bytes) override {
      if (auto error = environment_.ask(Call::allocate, path_)) return std::unexpected(*error);
      return file_->allocate(bytes);
    }
    Expected<void> sync() override {
      if (auto error = environment_.ask(Call::sync, path_)) return std::unexpected(*error);
      return file_->sync();
    }
    void forget_cached() override { file_->forget_cached(); }
    Expected<std::unique_ptr<Mapping>> map() override { return file_->map(); }

   private:
    FaultyEnvironment& environment_;
    std::filesystem::path path_;
    std::unique_ptr<File> file_;
  };

  mutable std::mutex mutex_;
  Rule rule_;
  std::array<int, 9> calls_{};
};

}  // namespace vigil::eventlog
