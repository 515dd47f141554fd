// The image of the decision state. Input: which part of it (1 byte): a whole file, or pieces, each behind its length
// (2 bytes), as if their checksums had been right.
#include <cstdio>
#include <string>
#include <vector>

#include "commands/state_image.h"
#include "eventlog/storage/posix_environment.h"
#include "rules/features/catalogue.h"
#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/target.h"

namespace vigil::commands {
namespace {

using fuzz::require;

constexpr std::int64_t kLatenessUs = 7ll * 86'400 * 1'000'000;

void read_file(fuzz::Bytes bytes) {
  static eventlog::PosixEnvironment environment;
  static const fuzz::MemoryFile memory;
  memory.write(fuzz::text(bytes));
  const auto image = eventlog::ImageReader::open(environment, memory.path());
  if (!image) {
    require(image.error().text.starts_with(memory.path()), "a refusal names the file");
    return;
  }
  const auto summary = read_summary(**image);
  if (summary) require(summary->parts.size() + 1 == (*image)->pieces(), "every piece but the summary has a part");
  std::vector<std::byte> room;
  std::uint64_t total = 0;
  for (std::uint32_t i = 0; i < (*image)->pieces(); ++i) {
    const auto piece = (*image)->piece(i, room);
    if (piece) total += piece->size();
  }
  require(total <= bytes.size(), "pieces are in the file");
}

// What a piece of an index asks for is taken in, up to the address that an image was begun at.
bool restore_index(std::string_view bytes) {
  eventlog::ValueReader piece(bytes);
  const auto part = piece.take<std::uint8_t>();
  const eventlog::Address newest{1 << 20};
  if (part % 4 == 0) {
    TransactionIndex index;
    const bool done = index.restore(piece, newest);
    require(16 * index.size() <= bytes.size(), "an index holds what the piece says");
    return done;
  }
  if (part % 4 == 1) return AddressIndex().restore(piece, newest);
  if (part % 4 == 2) return AlertCooldown().restore(piece);
  return Rates().restore(piece);
}

void restore_pieces(fuzz::Taker in) {
  static const auto catalogue = rules::Catalogue::parse(rules::default_features_toml(), "built-in");
  rules::DecisionState state(*catalogue, kLatenessUs);
  state.restore_stream_time(eventlog::EventTime{in.take<std::int64_t>()});
  bool sound = true;
  while (sound && !in.empty()) {
    const std::size_t size = in.take<std::uint16_t>();
    fuzz::Exact piece(in.rest().first(std::min(size, in.rest().size())));
    for (std::size_t i = 0; i < piece.bytes().size(); ++i) in.take<std::byte>();
    const std::string_view text = fuzz::text(piece.bytes());
    const bool of_decision_state = rules::DecisionState::restored_part(text) < rules::DecisionState::kParts;
    sound = of_decision_state ? state.restore(text) : restore_index(text);
  }
  if (!sound) return;
  // What was taken in can be looked at and saved again.
  static_cast<void>(state.digest());
  rules::SavedSoFar saved;
  for (eventlog::Piece piece; state.save(saved, 1 << 16, piece); piece.clear()) {
    require(rules::DecisionState::restored_part(piece.view()) < rules::DecisionState::kParts, "a piece has a part");
  }
}

}  // namespace

VIGIL_FUZZ_TARGET(state_image) {
  fuzz::Taker in(bytes);
  if (in.take<std::uint8_t>() % 2 == 0) {
    read_file(in.rest());
  } else {
    restore_pieces(in);
  }
}

}  // namespace vigil::commands
