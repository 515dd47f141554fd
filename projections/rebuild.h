// Read models filled anew from the log, beside the ones in service, and put in their place.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "eventlog/storage/log.h"
#include "projections/read_models.h"

namespace vigil::projections {

struct RebuiltModel {
  std::string name;
  std::uint64_t events = 0;  // folded
  double seconds = 0;
  Position checkpoint;  // of the new generation
  std::string digest;   // at `checkpoint`, 32 hex digits
  // The model that was in service, when it could be read and has this schema: its checkpoint, its digest there,
  // and what the new one had at the same position.
  std::optional<Position> old_checkpoint;
  std::string old_digest, new_digest_there;
  // Nothing when there was nothing to compare with.
  std::optional<bool> equal;
};

struct RebuildOptions {
  std::uint64_t budget_bytes = 1ull << 30;  // memory of all overlays together, before they are written
  std::size_t threads = 2;                  // the models are shared out among them
  // Events folded by the slowest thread, events in all. Called from one thread at a time.
  std::function<void(std::uint64_t, std::uint64_t)> progress;
};

// Rebuilds `models` (all when empty) up to what is durable. Takes the writer's lock of `directory`.
// Errors: locked; invalid (unknown model); damaged, naming model and position, when an event cannot be applied
// or the log cannot be read; io. After an error the models in service are as they were.
Expected<std::vector<RebuiltModel>> rebuild(const std::filesystem::path& directory, const eventlog::LogSource& log,
                                            const std::vector<std::string>& models = {},
                                            const RebuildOptions& options = {});

}  // namespace vigil::projections
