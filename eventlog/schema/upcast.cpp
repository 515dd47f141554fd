#include "eventlog/schema/upcast.h"

#include <string>

namespace vigil::eventlog {

Error damaged_record(const Record& record, const std::string& reason) {
  return {ErrorKind::damaged, "event at position " + std::to_string(record.position.value()) + ", log offset " +
                                  std::to_string(record.address.value()) + ": " + reason};
}

Expected<void> check_version(const Record& record, EventType type, std::uint16_t newest) {
  if (record.version >= 1 && record.version <= newest) return {};
  const std::string event = std::string(name(type)) + " version " + std::to_string(record.version);
  if (record.version == 0) return std::unexpected(damaged_record(record, event + " was never written by any Vigil"));
  Error error = damaged_record(record, event + " was written by a newer Vigil; upgrade this one to read it");
  error.kind = ErrorKind::unsupported_version;
  return std::unexpected(std::move(error));
}

}  // namespace vigil::eventlog
