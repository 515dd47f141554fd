// The read models in service beside a fold of the log from its beginning, each at its own checkpoint.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "eventlog/storage/environment.h"
#include "eventlog/storage/log.h"

namespace vigil::tools {

struct ModelVerdict {
  std::string name;
  eventlog::Position checkpoint;
  std::string digest, rebuilt;  // at the checkpoint, 32 hex digits; `rebuilt` is "" when there is nothing to fold
  bool equal = false;
  std::string text;  // for people: "equal", or what differs and what to do
};

// Reads the models' checkpoints first, without a lock: a service may go on. Then folds the log up to them in `scratch`,
// which is emptied before and removed afterwards. `progress` gets events folded and to fold. Errors: not_found (no
// models), damaged, unsupported_version, io.
eventlog::Expected<std::vector<ModelVerdict>> verify_models(
    eventlog::Environment& environment, const std::filesystem::path& data, const std::filesystem::path& scratch,
    const std::function<void(std::uint64_t, std::uint64_t)>& progress);

}  // namespace vigil::tools
