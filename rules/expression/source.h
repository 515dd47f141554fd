// The text of an expression and where it stands in its file, so that every error can point at its cause.
#pragma once

#include <cstddef>
#include <string_view>

#include "rules/expression/expression.h"

namespace vigil::rules {

// A view: text and place must outlive it.
class Source {
 public:
  Source(std::string_view text, const TextPlace& place) : text_(text), place_(place) {}

  std::string_view text() const { return text_; }
  // "FILE:LINE:COLUMN: reason" for the character at `offset`; columns count characters, not bytes.
  eventlog::Error error(std::size_t offset, std::string_view reason) const;

 private:
  std::string_view text_;
  const TextPlace& place_;
};

}  // namespace vigil::rules
