#include "commands/input_map.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>

#include "commands/policy_table.h"
#include "commands/timestamp.h"
#include "commands/toml_table.h"
#include "commands/transaction_form.h"
#include "rules/expression/suggestion.h"

namespace vigil::commands {
namespace {

using eventlog::ErrorKind;
using eventlog::Expected;

constexpr std::array<std::string_view, 7> kMapKeys = {"format",    "kind",  "policy",   "columns",
                                                      "constants", "label", "reference"};
// Fields of each kind; the first `required` of them must come from somewhere. A transaction's amount in minor
// units is `amount` with unit = "minor".
constexpr std::array<std::string_view, 15> kTransaction = {
    "transaction_id", "event_time",   "customer_id", "merchant_id", "amount", "currency", "version",  "device_id",
    "country",        "card_country", "category",    "channel",     "status", "latitude", "longitude"};
constexpr std::array<std::string_view, 5> kCustomer = {"customer_id", "latitude", "longitude", "country", "segment"};
constexpr std::array<std::string_view, 6> kMerchant = {"merchant_id", "display_name", "category",
                                                       "country",     "latitude",     "longitude"};

std::span<const std::string_view> fields_of(InputKind kind) {
  switch (kind) {
    case InputKind::transaction: return kTransaction;
    case InputKind::customer: return kCustomer;
    case InputKind::merchant: return kMerchant;
  }
  return {};
}
std::size_t required_of(InputKind kind) { return kind == InputKind::transaction ? 6 : 1; }

// The index of the text at `key` among `words`, or `fallback` when it is absent.
std::size_t read_word(const TomlTable& table, std::string_view key, std::span<const std::string_view> words,
                      std::size_t fallback) {
  const auto text = table.text(key);
  if (!text) return fallback;
  const auto found = std::ranges::find(words, *text);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  std::string why = "'" + *text + "' is not";
  for (std::string_view word : words) why.append(word == words.front() ? " " : " or ").append(word);
  table.fail(key, why + rules::did_you_mean(*text, words));
  return fallback;
}

void read_time_unit(const TomlTable& table, FieldSource& source) {
  constexpr std::array<std::string_view, 3> kUnits = {"s", "ms", "us"};
  constexpr std::array<std::string_view, 1> kFormats = {"rfc3339"};
  read_word(table, "format", kFormats, 0);
  if (table.has("format") && (table.has("unit") || table.has("epoch"))) {
    table.fail("format", "a time in RFC 3339 has neither unit nor epoch");
  }
  if (table.has("unit")) source.time_scale = 6 - 3 * static_cast<int>(read_word(table, "unit", kUnits, 0));
  if (const auto epoch = table.text("epoch")) {
    const auto epoch_us = parse_rfc3339_us(*epoch);
    if (!epoch_us) table.fail("epoch", "'" + *epoch + "' is no time like \"2018-04-01T00:00:00Z\"");
    if (!table.has("unit")) table.fail("epoch", "an epoch needs a unit: \"s\", \"ms\" or \"us\"");
    source.epoch_us = epoch_us.value_or(0);
  }
}

void read_amount_unit(const TomlTable& table, FieldSource& source) {
  constexpr std::array<std::string_view, 2> kUnits = {"major", "minor"};
  source.minor_units = read_word(table, "unit", kUnits, 0) == 1;
}

FieldSource read_column(const TomlTable& columns, const std::string& field) {
  FieldSource source;
  source.field = field;
  if (columns.is_text(field)) {
    source.column = columns.text(field);
    return source;
  }
  const auto table = columns.table(field);
  if (!table) return source;
  source.column = table->text("column");
  if (!source.column) table->fail("column", "'" + field + "' needs column = \"NAME\"");
  if (field == "event_time") {
    table->allow_only(std::array<std::string_view, 4>{"column", "unit", "epoch", "format"});
    read_time_unit(*table, source);
  } else if (field == "amount") {
    table->allow_only(std::array<std::string_view, 2>{"column", "unit"});
    read_amount_unit(*table, source);
  } else {
    table->allow_only(std::array<std::string_view, 2>{"column", "prefix"});
    source.prefix = table->text("prefix").value_or("");
  }
  return source;
}

void read_fields(const TomlTable& root, InputMap& map) {
  const auto known = fields_of(map.kind);
  const auto columns = root.table("columns");
  const auto constants = root.table("constants");
  if (columns) columns->allow_only(known);
  if (constants) constants->allow_only(known);
  for (std::string_view name : known) {
    const std::string field(name);
    const bool constant = constants && constants->has(field);
    if (columns && columns->has(field)) {
      if (constant) constants->fail(field, "'" + field + "' has a column already");
      map.fields.push_back(read_column(*columns, field));
    } else if (constant) {
      FieldSource source;
      source.field = field;
      source.constant = constants->text(field).value_or("");
      map.fields.push_back(std::move(source));
    }
  }
  if (map.fields.empty() && map.format == InputFormat::jsonl && map.kind == InputKind::transaction) return;
  for (std::string_view name : known.first(required_of(map.kind))) {
    if (std::ranges::find(map.fields, name, &FieldSource::field) != map.fields.end()) continue;
    root.fail("columns", "neither [columns] nor [constants] says where '" + std::string(name) + "' comes from");
  }
}

void read_label(const TomlTable& root, InputMap& map) {
  const auto table = root.table("label");
  if (!table) return;
  table->allow_only(std::array<std::string_view, 6>{"column", "fraud", "genuine", "chargeback", "delay", "source"});
  LabelSource label;
  label.column = table->text("column").value_or("");
  if (label.column.empty()) table->fail("column", "[label] needs column = \"NAME\"");
  label.fraud = table->texts("fraud");
  label.genuine = table->texts("genuine");
  label.chargeback = table->texts("chargeback");
  if (label.fraud.empty() && label.genuine.empty() && label.chargeback.empty()) {
    table->fail("fraud", "[label] needs the values that mean fraud, for example fraud = [\"1\"]");
  }
  label.delay_us = table->duration_us("delay").value_or(0);
  label.source = table->text("source").value_or(label.source);
  if (label.source.empty() || label.source.size() > eventlog::kWordBytesMax) {
    table->fail("source", "'source' must have 1 to " + std::to_string(eventlog::kWordBytesMax) + " bytes");
  }
  if (map.kind != InputKind::transaction) root.fail("label", "only transactions have labels");
  if (map.fields.empty()) root.fail("label", "[label] needs [columns]; JSON lines without them carry label messages");
  map.label = std::move(label);
}

void read_references(const TomlTable& root, InputMap& map) {
  const std::filesystem::path folder = map.path.parent_path();
  for (const TomlTable& table : root.tables("reference")) {
    table.allow_only(std::array<std::string_view, 3>{"map", "files", "search"});
    const auto name = table.text("map");
    if (!name) table.fail("map", "[[reference]] needs map = \"FILE.toml\"");
    ReferenceSource reference;
    reference.map = folder / name.value_or("");
    reference.files = table.texts("files");
    if (reference.files.empty()) table.fail("files", "[[reference]] needs files = [\"NAME.csv\"]");
    for (const std::string& path : table.texts("search")) reference.search.push_back(folder / path);
    map.references.push_back(std::move(reference));
  }
}

Expected<std::string> read_file(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return eventlog::fail(errno == ENOENT ? ErrorKind::not_found : ErrorKind::io,
                          path.string() + ": open: " + std::strerror(errno));
  }
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return eventlog::fail(ErrorKind::io, path.string() + ": cannot be read");
  return text;
}

}  // namespace

Expected<InputMap> InputMap::load(const std::filesystem::path& path) {
  const auto text = read_file(path);
  if (!text) return std::unexpected(text.error());
  const auto toml = TomlText::parse(*text, path.string());
  if (!toml) return std::unexpected(toml.error());
  const TomlTable root = (*toml)->root();
  InputMap map;
  map.path = path;
  root.allow_only(kMapKeys);
  map.format = static_cast<InputFormat>(read_word(root, "format", std::array<std::string_view, 2>{"csv", "jsonl"}, 0));
  map.kind = static_cast<InputKind>(
      read_word(root, "kind", std::array<std::string_view, 3>{"transaction", "customer", "merchant"}, 0));
  read_fields(root, map);
  read_label(root, map);
  read_references(root, map);
  if (const auto table = root.table("policy")) map.policy = read_policy(*table);
  if (const auto& mistake = (*toml)->mistake()) return std::unexpected(*mistake);
  return map;
}

}  // namespace vigil::commands
