#include "commands/input_reader.h"

#include <algorithm>
#include <charconv>

#include "commands/command_copy.h"
#include "commands/csv_rows.h"
#include "commands/input_map.h"
#include "commands/json_row.h"
#include "commands/label_queue.h"
#include "commands/message_parser.h"
#include "commands/row_mapping.h"
#include "eventlog/storage/invariant.h"

namespace vigil::commands {
namespace {

using eventlog::ErrorKind;
using eventlog::Expected;
namespace fs = std::filesystem;

// "FILE:ROW" for each row of one file. What no source may hold (control characters, bytes that are not UTF-8)
// becomes '?'.
class RowNames {
 public:
  explicit RowNames(const fs::path& input) : file_(input == "-" ? "stdin" : input.filename().string()) {
    const bool text = is_utf8(file_);
    for (char& c : file_) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || byte == 0x7f || (byte > 0x7f && !text)) c = '?';
    }
  }
  std::string_view name(std::uint64_t line, ByteArena& arena) const {
    char digits[21] = {':'};
    const char* const end = std::to_chars(digits + 1, digits + sizeof digits, line).ptr;
    return arena.join(file_, {digits, static_cast<std::size_t>(end - digits)});
  }

 private:
  std::string file_;
};

void refuse_record(const TextRecord& record, ByteArena& arena, Command& command) {
  std::vector<Reason> reasons;
  reasons.push_back({reason::kBadRow, "", std::string(record.mistake)});
  command.body.emplace<Unacceptable>(std::string_view{}, std::move(reasons));
  command.raw = arena.copy(record.raw.substr(0, kQuarantineRawBytesMax));
}

// JSON lines of transactions or messages, as Vigil's own protocol has them.
class MessageLines : public InputReader {
 public:
  MessageLines(const fs::path& input, std::unique_ptr<ZstdInput> bytes, std::optional<Policy> policy)
      : names_(input), records_(std::move(bytes), TextRecords::Newlines::always_end), policy_(std::move(policy)) {}

  const std::optional<Policy>& policy() const override { return policy_; }
  std::uint64_t bytes_done() const override { return records_.input().bytes_done(); }
  std::uint64_t bytes_total() const override { return records_.input().bytes_total(); }
  std::uint64_t labels_not_yet_known() const override { return 0; }
  bool raw_is_element() const override { return true; }

  Expected<std::span<const Command>> read(std::size_t count) override {
    commands_.clear();
    arena_.reset();
    while (commands_.size() < count) {
      if (next_ == pending_.size()) {
        if (!failure_ && !parse_line()) break;
        if (failure_ && commands_.empty()) return std::unexpected(*failure_);
        if (failure_) break;
        continue;
      }
      Command& command = commands_.emplace_back(pending_[next_++]);
      // A message may itself say where its elements come from.
      if (command.source.empty()) command.source = names_.name(line_, arena_);
      keep_texts(command, arena_);
    }
    return commands_;
  }

 private:
  // Makes the commands of the next line the pending ones, or notes the failure. False at the end.
  bool parse_line() {
    const auto record = records_.next();
    pending_ = {};
    next_ = 0;
    if (!record) failure_ = record.error();
    if (!record) return true;
    if (!*record) return false;
    line_ = (*record)->line;
    if (!(*record)->mistake.empty()) {
      line_arena_.reset();
      refuse_record(**record, line_arena_, lone_);
    } else {
      const Message& message = parser_.parse_line((*record)->raw, {});
      pending_ = message.commands;
      if (message.query.empty()) return true;
      lone_.body.emplace<Unacceptable>(
          std::string_view{},
          std::vector<Reason>{{reason::kUnknownOperation, "op", "a file has commands only, no queries"}});
      lone_.raw = message.query.substr(0, kQuarantineRawBytesMax);
    }
    pending_ = {&lone_, 1};
    return true;
  }

  RowNames names_;
  TextRecords records_;
  std::optional<Policy> policy_;
  MessageParser parser_;
  std::span<const Command> pending_;  // of the line read last, in the parser (or `lone_`)
  std::size_t next_ = 0;
  std::uint64_t line_ = 0;
  Command lone_;
  std::optional<eventlog::Error> failure_;  // told once what was read before it has been handed out
  ByteArena arena_, line_arena_;
  std::vector<Command> commands_;
};

// Rows of columns that a map turns into commands.
class MappedRows : public InputReader {
 public:
  MappedRows(const fs::path& input, InputMap map, std::unique_ptr<ZstdInput> bytes)
      : map_(std::move(map)),
        names_(input),
        records_(std::move(bytes), map_.format == InputFormat::csv ? TextRecords::Newlines::may_be_quoted
                                                                   : TextRecords::Newlines::always_end) {}

  // Reads the header and binds the map to it.
  Expected<void> bind();
  void add_reference(std::unique_ptr<InputReader> reference) { references_.push_back(std::move(reference)); }

  const std::optional<Policy>& policy() const override { return map_.policy; }
  Expected<std::span<const Command>> read(std::size_t count) override;
  std::uint64_t bytes_done() const override {
    std::uint64_t bytes = records_.input().bytes_done();
    for (const auto& reference : references_) bytes += reference->bytes_done();
    return bytes;
  }
  std::uint64_t bytes_total() const override {
    std::uint64_t bytes = records_.input().bytes_total();
    if (bytes == 0) return 0;  // unknown, as for the standard input
    for (const auto& reference : references_) bytes += reference->bytes_total();
    return bytes;
  }
  std::uint64_t labels_not_yet_known() const override { return labels_.size(); }
  bool raw_is_element() const override { return false; }

 private:
  void make_command(const TextRecord& record, Command& command);
  bool report_due_labels(eventlog::EventTime now, std::size_t count);
  void await_label(const eventlog::Transaction& transaction);

  InputMap map_;
  RowNames names_;
  TextRecords records_;
  std::vector<std::string> columns_;
  std::optional<RowMapping> mapping_;
  std::optional<JsonRow> json_row_;
  std::vector<std::unique_ptr<InputReader>> references_;
  std::size_t references_read_ = 0;
  std::optional<TextRecord> record_;  // the row at hand, until its command was handed out
  std::uint64_t rows_ = 0;
  std::vector<std::string_view> cells_;
  Objections objections_;
  LabelQueue labels_;
  std::optional<eventlog::Error> failure_;  // told once what was read before it has been handed out
  ByteArena arena_;
  std::vector<Command> commands_;
};

Expected<void> MappedRows::bind() {
  const std::string& file = records_.input().name();
  if (map_.format == InputFormat::jsonl) {
    for (const FieldSource& source : map_.fields) {
      if (source.column && std::ranges::find(columns_, *source.column) == columns_.end()) {
        columns_.push_back(*source.column);
      }
    }
    if (map_.label && std::ranges::find(columns_, map_.label->column) == columns_.end()) {
      columns_.push_back(map_.label->column);
    }
    json_row_.emplace(columns_);
  } else {
    const auto header = records_.next();
    if (!header) return std::unexpected(header.error());
    if (!*header) return eventlog::fail(ErrorKind::invalid, file + ": is empty; a CSV file begins with a header");
    const std::string_view wrong = split_csv((*header)->raw, cells_, arena_);
    if (!wrong.empty()) return eventlog::fail(ErrorKind::invalid, file + ":1: the header has " + std::string(wrong));
    columns_.assign(cells_.begin(), cells_.end());
  }
  auto mapping = RowMapping::bind(map_, columns_, file);
  if (!mapping) return std::unexpected(mapping.error());
  mapping_.emplace(std::move(*mapping));
  return {};
}

// Fills body, raw and source, all of them in the arena (or the map).
void MappedRows::make_command(const TextRecord& record, Command& command) {
  command.source = names_.name(record.line, arena_);
  if (!record.mistake.empty()) return refuse_record(record, arena_, command);
  const std::string_view raw = arena_.copy(record.raw);
  command.raw = raw.substr(0, kQuarantineRawBytesMax);
  if (json_row_) {
    json_row_->read(raw, arena_, cells_, objections_);
  } else if (!is_utf8(raw)) {
    objections_.add(reason::kInvalidUtf8, "", "the row is not UTF-8");
  } else if (const std::string_view wrong = split_csv(raw, cells_, arena_); !wrong.empty()) {
    objections_.add(reason::kBadRow, "", "the row has " + std::string(wrong));
  } else if (cells_.size() != columns_.size()) {
    objections_.add(
        reason::kBadRow, "",
        "the row has " + std::to_string(cells_.size()) + " cells; the header has " + std::to_string(columns_.size()));
  }
  if (objections_.none()) {
    mapping_->read(cells_, arena_, command.body);
  } else {
    command.body.emplace<Unacceptable>(std::string_view{}, objections_.take());
  }
}

// Hands out labels due at `now` or before. False when `count` was reached before all were.
bool MappedRows::report_due_labels(eventlog::EventTime now, std::size_t count) {
  while (const WaitingLabel* label = labels_.due(now.value())) {
    if (commands_.size() == count) return false;
    Command& command = commands_.emplace_back();
    ReportLabel report;
    report.transaction_id = arena_.copy(label->transaction_id);
    report.transaction_version = label->transaction_version;
    report.kind = label->kind;
    report.reported_at = eventlog::EventTime{label->due_us};
    report.source = map_.label->source;
    command.body = report;
    command.source = names_.name(label->row, arena_);
    labels_.pop();
  }
  return true;
}

void MappedRows::await_label(const eventlog::Transaction& transaction) {
  const auto kind = mapping_->label(cells_);
  std::int64_t due_us = 0;
  // A label that becomes known beyond the range of times is never known.
  if (!kind || __builtin_add_overflow(transaction.event_time.value(), map_.label->delay_us, &due_us)) return;
  labels_.push({due_us, record_->line, std::string(transaction.id), transaction.version, *kind});
}

Expected<std::span<const Command>> MappedRows::read(std::size_t count) {
  eventlog::invariant(count > 0, "a reader is asked for at least one command");
  for (; references_read_ < references_.size(); ++references_read_) {
    auto commands = references_[references_read_]->read(count);
    if (!commands || !commands->empty()) return commands;
  }
  commands_.clear();
  arena_.reset();
  while (commands_.size() < count) {
    if (!record_) {
      auto record = failure_ ? std::unexpected(*failure_) : records_.next();
      if (!record) {
        failure_ = record.error();
        if (commands_.empty()) return std::unexpected(*failure_);
        break;
      }
      if (!*record) break;
      record_ = **record;
    }
    Command command;
    make_command(*record_, command);
    const auto* submit = std::get_if<SubmitTransaction>(&command.body);
    if (submit != nullptr && !report_due_labels(submit->transaction.event_time, count)) break;
    // The row stays at hand for the next call when its labels took the last place.
    if (commands_.size() == count) break;
    if (submit != nullptr) await_label(submit->transaction);
    commands_.push_back(std::move(command));
    record_.reset();
  }
  return commands_;
}

// The first of the files that exists, beside the input, then in the map's folder, then where it says.
Expected<fs::path> find_reference(const ReferenceSource& reference, const InputMap& map, const fs::path& input) {
  std::vector<fs::path> folders;
  if (input != "-") folders.push_back(input.parent_path());
  folders.push_back(map.path.parent_path());
  folders.insert(folders.end(), reference.search.begin(), reference.search.end());
  std::string places;
  for (const fs::path& folder : folders) {
    for (const std::string& file : reference.files) {
      const fs::path path = (folder / file).lexically_normal();
      std::error_code ignored;
      if (fs::exists(path, ignored)) return path;
      places += (places.empty() ? "" : ", ") + path.string();
    }
  }
  return eventlog::fail(ErrorKind::not_found, map.path.string() + ": the reference file is nowhere; looked for " +
                                                  places + "; put it there or name its folder in 'search'");
}

Expected<std::unique_ptr<MappedRows>> open_mapped(const fs::path& input, InputMap map,
                                                  std::unique_ptr<ZstdInput> bytes) {
  auto reader = std::make_unique<MappedRows>(input, std::move(map), std::move(bytes));
  if (auto bound = reader->bind(); !bound) return std::unexpected(bound.error());
  return reader;
}

Expected<std::unique_ptr<InputReader>> open_reference(const ReferenceSource& reference, const InputMap& owner,
                                                      const fs::path& input) {
  auto map = InputMap::load(reference.map);
  if (!map) return std::unexpected(map.error());
  if (map->kind == InputKind::transaction || !map->references.empty() || map->policy) {
    return eventlog::fail(ErrorKind::invalid,
                          reference.map.string() +
                              ": as a reference it must have kind \"customer\" or \"merchant\", and neither policy "
                              "nor references of its own");
  }
  const auto path = find_reference(reference, owner, input);
  if (!path) return std::unexpected(path.error());
  auto bytes = ZstdInput::open(*path);
  if (!bytes) return std::unexpected(bytes.error());
  return open_mapped(*path, std::move(*map), std::move(*bytes));
}

bool is_named_csv(fs::path path) {
  if (path.extension() == ".zst") path.replace_extension();
  return path.extension() == ".csv";
}

}  // namespace

Expected<std::unique_ptr<InputReader>> InputReader::open(const fs::path& input, const std::optional<fs::path>& map) {
  InputMap declared;
  declared.format = InputFormat::jsonl;
  if (map) {
    auto loaded = InputMap::load(*map);
    if (!loaded) return std::unexpected(loaded.error());
    declared = std::move(*loaded);
  } else if (is_named_csv(input)) {
    return eventlog::fail(ErrorKind::invalid, input.string() +
                                                  ": a CSV file needs a map that says what its columns "
                                                  "are (--map FILE.toml, see docs/ingest.md)");
  }
  auto bytes = ZstdInput::open(input);
  if (!bytes) return std::unexpected(bytes.error());
  std::vector<std::unique_ptr<InputReader>> references;
  for (const ReferenceSource& source : declared.references) {
    auto reference = open_reference(source, declared, input);
    if (!reference) return std::unexpected(reference.error());
    references.push_back(std::move(*reference));
  }
  if (declared.fields.empty()) {
    if (references.empty()) return std::make_unique<MessageLines>(input, std::move(*bytes), declared.policy);
    return eventlog::fail(ErrorKind::invalid, map->string() + ": [[reference]] needs [columns]");
  }
  auto reader = open_mapped(input, std::move(declared), std::move(*bytes));
  if (!reader) return std::unexpected(reader.error());
  for (auto& reference : references) (*reader)->add_reference(std::move(reference));
  return std::move(*reader);
}

}  // namespace vigil::commands
