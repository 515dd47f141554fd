// Input read and parsed on a thread of its own, a few batches ahead of the deciding thread.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "commands/byte_arena.h"
#include "commands/command.h"

namespace vigil::commands {

// The source's batches in their order, each copied whole, so that what it returned may be reused by its next call.
// next() belongs to one thread. Allocates nothing once its buffers are as large as the largest batches.
class ReadAhead {
 public:
  struct Batch {
    std::span<const Command> commands;  // none: the input has ended
    std::uint64_t bytes_done = 0;       // of the input, with this batch; for progress
  };
  // Called on the reading thread, and never again after an end or an error.
  using Source = std::function<eventlog::Expected<Batch>()>;

  explicit ReadAhead(Source source);
  ~ReadAhead();  // waits for the source's call under way, if any
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // Views live until the next call. After the end or an error it stays the same. Errors: the source's.
  eventlog::Expected<Batch> next();

 private:
  // Enough that neither thread waits for the other at each batch; few, so that what is read stays in the cache.
  static constexpr std::size_t kBatches = 4;
  struct Kept {
    std::vector<Command> commands;
    ByteArena texts;
    std::uint64_t bytes_done = 0;
  };

  void run();
  bool fill(Kept& kept);

  Source source_;
  std::array<Kept, kBatches> ring_;
  std::mutex guard_;  // of the next five
  std::condition_variable changed_;
  std::uint64_t filled_ = 0;  // batches so far
  std::uint64_t freed_ = 0;   // of them given back
  bool ended_ = false, stopping_ = false;
  std::optional<eventlog::Error> error_;
  bool lent_ = false;  // the caller holds the batch `freed_`
  std::thread thread_;
};

}  // namespace vigil::commands
