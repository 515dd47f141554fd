// The head of a log as a line of JSON, signed or not: what `vigil log head` prints and `vigil verify --head` reads.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "eventlog/storage/head_signature.h"

namespace vigil::tools {

struct HeadFile {
  eventlog::LogHead head;
  struct Signed {
    eventlog::PublicKey key;
    eventlog::Signature signature;
  };
  std::optional<Signed> by;
};

// One line, without a newline; docs/proof.md lists the fields.
std::string head_text(const HeadFile& head);
// `file` is named in errors. Errors: invalid (no head, a field is missing or is not what it must be),
// unsupported_version. Does not look at the signature.
eventlog::Expected<HeadFile> parse_head(std::string_view text, const std::string& file);
// Whether the head was signed with `key`, or with the key it names itself when there is none given. Error: invalid
// (it is not signed, by another key, or was altered).
eventlog::Expected<void> check_signature(const HeadFile& head, const std::optional<eventlog::PublicKey>& key,
                                         const std::string& file);

}  // namespace vigil::tools
