#include "projections/generations.h"

#include <charconv>

#include "projections/durable_file.h"

namespace vigil::projections {
namespace {

using eventlog::ErrorKind;
using eventlog::Expected;
using eventlog::fail;
namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "gen-";

std::optional<std::uint64_t> parse(std::string_view name) {
  while (!name.empty() && name.back() == '\n') name.remove_suffix(1);
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  std::uint64_t number = 0;
  const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (code != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

std::string name_of(std::uint64_t generation) { return std::string(kPrefix) + std::to_string(generation); }

}  // namespace

fs::path Generations::path(std::uint64_t generation) const { return directory_ / name_of(generation); }

Expected<std::optional<std::uint64_t>> Generations::current() const {
  auto text = read_file(directory_ / "current");
  if (!text) return std::unexpected(text.error());
  if (!*text) return std::optional<std::uint64_t>{};
  const auto number = parse(**text);
  if (!number) {
    return fail(ErrorKind::damaged, (directory_ / "current").string() + ": names no generation; remove " +
                                        directory_.string() + " and the model is made anew from the log");
  }
  return number;
}

Expected<void> Generations::remove_others(std::optional<std::uint64_t> kept) const {
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(directory_, code)) {
    const auto number = parse(entry.path().filename().string());
    if (!number || number == kept) continue;
    if (auto removed = remove_durably(entry.path()); !removed) return removed;
  }
  if (code) return fail(ErrorKind::io, directory_.string() + ": list: " + code.message());
  return {};
}

Expected<std::uint64_t> Generations::begin_next() const {
  auto in_service = current();
  if (!in_service) return std::unexpected(in_service.error());
  if (auto made = make_directories(directory_); !made) return std::unexpected(made.error());
  if (auto removed = remove_others(*in_service); !removed) return std::unexpected(removed.error());
  return in_service->value_or(0) + 1;
}

Expected<void> Generations::promote(std::uint64_t generation) const {
  if (auto replaced = replace_file(directory_ / "current", name_of(generation) + "\n"); !replaced) return replaced;
  return remove_others(generation);
}

}  // namespace vigil::projections
