// What a sender knows of its own input, as JSON: inputs it could not accept, and what the others were read from.
#pragma once

#include <optional>
#include <string_view>

#include "commands/byte_arena.h"
#include "commands/command.h"
#include "commands/json_fields.h"

namespace vigil::commands {

// What of a text for people is taken from a sender.
inline constexpr std::size_t kReasonTextBytesMax = 1024;
// The reasons of one item together, each counted with its texts and kReasonOverheadBytes: so much, and
// kReasonBytesPerRawByte more for every byte of raw input. Keeps the event within the room that the recorder
// reserves for what is quarantined, which grows with the raw input.
inline constexpr std::size_t kReasonsBytesMax = 3 << 10;
inline constexpr std::size_t kReasonOverheadBytes = 64;
inline constexpr std::size_t kReasonBytesPerRawByte = 8;

// Where an element came from. `raw` is absent when its JSON is the input itself.
struct ElementInput {
  std::optional<std::string_view> raw;
  std::string_view source;
};

// Views live as long as the JSON text is loaded, and until begin_message(). Not thread-safe.
class QuarantineJson {
 public:
  QuarantineJson();

  void begin_message() { arena_.reset(); }
  // Reads {"raw","source","reasons",…} into what the sender's own reading made of it: Unacceptable, with the
  // raw input and the source. An item that is wrong itself becomes Unacceptable for that; its raw and source
  // are then left as they are. The cursor may have failed afterwards; then `out` means nothing.
  void read_item(JsonCursor& cursor, Command& out);
  // Reads {"source","raw"}; what is wrong with it goes to `objections`.
  ElementInput read_input(JsonCursor& cursor, Objections& objections);

 private:
  std::optional<std::string_view> read_raw(JsonFields& fields, bool encoded, Objections& objections);
  std::optional<std::string_view> read_source(JsonFields& fields, Objections& objections);
  void read_reasons(JsonCursor& cursor, std::vector<Reason>& reasons);
  void read_reason(JsonCursor& cursor, std::vector<Reason>& reasons);
  void check_room(const std::vector<Reason>& reasons, std::size_t raw_bytes);

  FieldNames item_, reason_, input_;
  Objections objections_;
  ByteArena arena_;
};

}  // namespace vigil::commands
