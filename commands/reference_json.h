// Labels, reference data and texts to activate as JSON objects.
#pragma once

#include <string_view>

#include "commands/command.h"
#include "commands/json_fields.h"

namespace vigil::commands {

// Each reads the value ahead of the cursor into `out`: the command, or Unacceptable. Views live as long as
// the JSON text is loaded. The cursor may have failed afterwards; then `out` means nothing. Not thread-safe.
class ReferenceJson {
 public:
  ReferenceJson();

  void read_label(JsonCursor& cursor, CommandBody& out);
  void read_customer(JsonCursor& cursor, CommandBody& out);
  void read_merchant(JsonCursor& cursor, CommandBody& out);
  void read_list(JsonCursor& cursor, CommandBody& out);
  void read_rate(JsonCursor& cursor, CommandBody& out);
  void read_policy(JsonCursor& cursor, CommandBody& out);
  void read_features(JsonCursor& cursor, CommandBody& out);
  void read_rules(JsonCursor& cursor, CommandBody& out);

 private:
  template <class Activation>
  void read_text(JsonCursor& cursor, CommandBody& out);
  std::optional<eventlog::Place> read_place(JsonCursor& cursor);
  void read_strings(JsonCursor& cursor, std::string_view field, std::vector<std::string_view>& out);
  void require(const JsonFields& fields, std::size_t count);
  // The command when there is no objection, else the objections.
  template <class Body>
  void conclude(const JsonFields& fields, Body&& body, CommandBody& out);

  FieldNames label_, customer_, merchant_, list_, rate_, text_, place_;
  Objections objections_;
  std::string_view transaction_id_;
};

}  // namespace vigil::commands
