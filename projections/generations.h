// Where a model's environment stands: models/<name>/gen-<n>/, and which of them is in service.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "eventlog/storage/error.h"

namespace vigil::projections {

// The directory of one model. The file `current` holds the name of the generation in service and is replaced
// by rename, so there is always exactly one, or none for a new model. A value; the caller holds the lock.
class Generations {
 public:
  Generations(const std::filesystem::path& models, std::string_view model) : directory_(models / model) {}

  // The generation in service; nothing for a new model. Errors: io, damaged (the file says nonsense).
  eventlog::Expected<std::optional<std::uint64_t>> current() const;
  // An empty place for a generation after the one in service; what an unfinished rebuild left is removed.
  eventlog::Expected<std::uint64_t> begin_next() const;
  // Puts `generation`, whose files must be synced, in service and removes all others.
  eventlog::Expected<void> promote(std::uint64_t generation) const;
  std::filesystem::path path(std::uint64_t generation) const;
  const std::filesystem::path& directory() const { return directory_; }

 private:
  eventlog::Expected<void> remove_others(std::optional<std::uint64_t> kept) const;

  std::filesystem::path directory_;
};

}  // namespace vigil::projections
