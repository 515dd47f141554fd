// How far the read models of a directory have seen their log: asked before the log is opened.
#pragma once

#include <filesystem>
#include <string>

#include "eventlog/storage/error.h"
#include "eventlog/storage/position.h"

namespace vigil::projections {

// What a read model has seen was durable: recovery of the log must not cut it (eventlog/storage/log.h,
// LogOptions::known_durable).
struct NewestCheckpoint {
  eventlog::Position position;  // 0 when no model can tell
  std::string log_id;           // of the log that was followed there
};

// The newest checkpoint of all models in service in `directory`. A model that cannot be read or trusted says
// nothing: it is made anew from the log anyway. Nobody may have the models open for writing.
NewestCheckpoint newest_checkpoint(const std::filesystem::path& directory);

}  // namespace vigil::projections
