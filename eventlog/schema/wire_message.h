// Cap'n Proto messages inside records: one flat, single-segment message per event, built and read in place.
// Only included by the codecs of this folder.
#pragma once

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "eventlog/schema/upcast.h"
#include "eventlog/storage/frame_builder.h"

namespace vigil::eventlog {

inline capnp::Text::Reader wire_text(std::string_view text) { return {text.data(), text.size()}; }

inline capnp::Data::Reader wire_data(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()};
}

inline std::string_view view(capnp::Text::Reader text) { return {text.begin(), text.size()}; }

inline std::span<const std::byte> view(capnp::Data::Reader data) {
  return {reinterpret_cast<const std::byte*>(data.begin()), data.size()};
}

// Bytes a text or data field takes: its pointer, and its content with a terminator, rounded up to words.
constexpr std::size_t field_bytes_max(std::size_t size) { return 8 + (size + 8) / 8 * 8; }
// The segment table, the root pointer, and the record's own header and links.
inline constexpr std::size_t kMessageOverhead = 16 + kRecordOverheadMax;

// Writes a text only when there is one, so that absent facts cost their null pointer alone. Cap'n Proto text
// must be NUL-terminated in memory we do not own, so it is copied through init.
template <class Init>
void put_text(std::string_view text, Init init) {
  if (text.empty()) return;
  capnp::Text::Builder builder = init(static_cast<unsigned>(text.size()));
  std::copy(text.begin(), text.end(), builder.begin());
}

// Builds one message in the span a frame reserved. `fill` gets the root builder.
template <class WireEvent, class Event, class Fill>
Placed build_record(FrameBuilder& frame, EventType type, std::span<const Link> links, std::optional<std::uint64_t> key,
                    std::size_t bytes_max, Fill fill) {
  constexpr std::size_t kTableBytes = 8;
  const std::size_t payload_max = (bytes_max - kRecordOverheadMax + 7) / 8 * 8;
  const std::span<std::byte> payload = frame.begin_record(
      static_cast<std::uint16_t>(type), newest_version(kUpcasts<WireEvent, Event>), links, key, payload_max);
  auto* words = reinterpret_cast<capnp::word*>(payload.data());
  capnp::FlatMessageBuilder message{kj::arrayPtr(words + 1, payload.size() / 8 - 1)};
  fill(message.initRoot<WireEvent>());
  const std::size_t segment_words = message.getSegmentsForOutput()[0].size();
  // The table of a message with one segment: zero (segments − 1), then the segment's length in words.
  const std::uint32_t table[2] = {0, static_cast<std::uint32_t>(segment_words)};
  static_assert(sizeof table == kTableBytes);
  std::copy_n(reinterpret_cast<const std::byte*>(table), kTableBytes, payload.data());
  return frame.end_record(kTableBytes + segment_words * 8);
}

// Decoding reads every word once, and upcasting some of them again. Pointers that lead to the same words again and
// again, or to a long list of elements without content, would make millions of things out of a few bytes.
inline capnp::ReaderOptions reader_options(std::size_t words) {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = 4 * words + 8;
  return options;
}

// Reads the message of a record in place. `read` gets the root reader and returns Expected<Event>, as records of the
// newest version are read; older ones are then upcast.
template <class WireEvent, class Event, class Read>
Expected<Event> read_record(const Record& record, EventType type, Read read,
                            std::span<const Upcast<WireEvent, Event>> upcasts = kUpcasts<WireEvent, Event>) {
  if (record.type != static_cast<std::uint16_t>(type)) {
    return std::unexpected(damaged_record(record, "not a " + std::string(name(type))));
  }
  if (auto known = check_version(record, type, newest_version(upcasts)); !known) return std::unexpected(known.error());
  try {
    const auto* words = reinterpret_cast<const capnp::word*>(record.payload.data());
    capnp::FlatArrayMessageReader message{kj::arrayPtr(words, record.payload.size() / 8),
                                          reader_options(record.payload.size() / 8)};
    const auto in = message.getRoot<WireEvent>();
    Expected<Event> event = read(in);
    if (event) upcast<WireEvent, Event>(record.version, in, *event, upcasts);
    return event;
  } catch (const kj::Exception& exception) {
    return std::unexpected(damaged_record(record, exception.getDescription().cStr()));
  }
}

}  // namespace vigil::eventlog
