// A file of rows and the map that says what they mean. Input: how the file is cut (1 byte), how many commands are
// asked for at once (1 byte), the map, a zero byte, the rows.
#include <zstd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "commands/input_map.h"
#include "commands/input_reader.h"
#include "tests/fuzz/command_text.h"
#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/target.h"
#include "tests/fuzz/toml_error.h"

namespace vigil::commands {
namespace {

using fuzz::require;

// Zstd frames of `piece` bytes each: a reader gets no more than that at a time.
std::string in_pieces(std::string_view rows, std::size_t piece) {
  static ZSTD_CCtx* context = ZSTD_createCCtx();
  std::string out;
  std::vector<char> frame(ZSTD_compressBound(piece));
  do {
    const std::string_view next = rows.substr(0, piece);
    rows.remove_prefix(next.size());
    out.append(frame.data(), ZSTD_compressCCtx(context, frame.data(), frame.size(), next.data(), next.size(), 1));
  } while (!rows.empty());
  return out;
}

struct Rows {
  std::vector<std::string> commands;
  std::string refusal;  // of the file as a whole
  std::uint64_t labels_left = 0;
};

std::string without_path(std::string text, const std::string& path) {
  for (std::size_t at = text.find(path); at != text.npos; at = text.find(path)) text.erase(at, path.size());
  return text;
}

Rows read_all(const std::string& path, const std::string& map, std::size_t count) {
  Rows rows;
  auto reader = InputReader::open(path, map);
  if (!reader) {
    rows.refusal = without_path(without_path(reader.error().text, path), map);
    require(!rows.refusal.empty(), "a refusal has words");
    return rows;
  }
  while (true) {
    const auto batch = (*reader)->read(count);
    if (!batch) {
      require(batch.error().kind == eventlog::ErrorKind::damaged, "only broken zstd cannot be read to its end");
      rows.refusal = without_path(batch.error().text, path);
      return rows;
    }
    if (batch->empty()) break;
    require(batch->size() <= count, "no more commands come than were asked for");
    for (const Command& command : *batch) {
      // The name of the file differs; the number of the row behind it must not.
      const std::string_view source = command.source;
      rows.commands.push_back(std::string(source.substr(std::min(source.rfind(':'), source.size()))) + ' ' +
                              fuzz::CommandText::of(command));
    }
  }
  rows.labels_left = (*reader)->labels_not_yet_known();
  return rows;
}

}  // namespace

VIGIL_FUZZ_TARGET(mapped_rows) {
  static const fuzz::MemoryFile map, whole, pieces;
  fuzz::Taker in(bytes);
  const std::size_t piece = 1 + in.take<std::uint8_t>() % 64;
  const std::size_t count = 1 + in.take<std::uint8_t>() % 8;
  const std::string_view text = fuzz::text(in.rest());
  const std::size_t end = std::min(text.find('\0'), text.size());
  const std::string_view toml = text.substr(0, end), rows = text.substr(std::min(end + 1, text.size()));

  map.write(toml);
  const auto loaded = InputMap::load(map.path());
  if (!loaded) return fuzz::check_toml_error(loaded.error(), toml, map.path());
  if (!loaded->references.empty()) return;  // no other files are opened here
  whole.write(rows);
  pieces.write(in_pieces(rows, piece));
  const Rows at_once = read_all(whole.path(), map.path(), 1000);
  const Rows cut = read_all(pieces.path(), map.path(), count);
  if (rows.starts_with("\x28\xB5\x2F\xFD")) return;  // zstd itself: then the two files differ
  require(at_once.refusal == cut.refusal, "a file is refused or not however it is cut");
  require(at_once.commands == cut.commands, "rows mean the same however the file is cut and read");
  require(at_once.labels_left == cut.labels_left, "labels wait for the same");
}

}  // namespace vigil::commands
