// Operational failures. Domain outcomes (declined, conflict, quarantined) are never errors.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace vigil::eventlog {

enum class ErrorKind {
  invalid,              // the caller's text or argument is wrong; `text` names place and reason
  not_found,            // a file, position or entity that is not there
  io,                   // the operating system refused; the text carries path, call and errno
  full,                 // no room left on the disk
  locked,               // another process owns the directory
  damaged,              // bytes of the log or of a read model are not what was written
  unsupported_version,  // written by a newer Vigil
  poisoned,             // an earlier write or sync failed; nothing more is accepted
};

struct Error {
  ErrorKind kind;
  std::string text;  // names the place, the reason and, where there is one, the next step
};

template <class T>
using Expected = std::expected<T, Error>;

// What every refusal of damaged history ends with.
inline constexpr std::string_view kRestoreHint = "; restore the log from a backup with `vigil restore`";

inline std::unexpected<Error> fail(ErrorKind kind, std::string text) {
  return std::unexpected<Error>(Error{kind, std::move(text)});
}

}  // namespace vigil::eventlog
