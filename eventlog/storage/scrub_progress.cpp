#include "eventlog/storage/scrub_progress.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

namespace vigil::eventlog {

namespace {

constexpr std::string_view kFirstLine = "vigil scrub 1";
constexpr std::uint64_t kFileBytesMax = 1 << 20;

template <class Number>
Number number_of(std::string_view text) {
  Number number{};
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

void take_line(std::string_view line, ScrubProgress& progress) {
  const std::size_t space = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, space);
  const std::string_view rest = line.substr(std::min(space + 1, line.size()));
  if (word == "log_id") progress.log_id = rest;
  if (word == "next_position") progress.next_position = number_of<std::uint64_t>(rest);
  if (word == "began_us") progress.began_us = number_of<std::int64_t>(rest);
  if (word == "last_full_pass_us") progress.last_full_pass_us = number_of<std::int64_t>(rest);
  if (word == "damaged") {
    const std::size_t behind = std::min(rest.find(' '), rest.size());
    progress.damaged[number_of<std::uint64_t>(rest.substr(0, behind))] = rest.substr(std::min(behind + 1, rest.size()));
  }
}

}  // namespace

ScrubProgress read_scrub_progress(Environment& environment, const std::filesystem::path& path) {
  if (path.empty()) return {};
  auto file = environment.open(path, OpenMode::read);
  const auto bytes = file ? (*file)->size() : Expected<std::uint64_t>(std::unexpected(file.error()));
  if (!bytes || *bytes > kFileBytesMax) return {};
  std::string text(*bytes, '\0');
  if (!(*file)->read_at(0, std::as_writable_bytes(std::span(text)))) return {};
  ScrubProgress progress;
  bool first = true;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    if (std::exchange(first, false) && line != kFirstLine) return {};
    take_line(line, progress);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return progress;
}

Expected<void> write_scrub_progress(Environment& environment, const std::filesystem::path& path,
                                    const ScrubProgress& progress) {
  if (path.empty()) return {};
  std::string text(kFirstLine);
  text += "\nlog_id " + progress.log_id + "\nnext_position " + std::to_string(progress.next_position) + "\nbegan_us " +
          std::to_string(progress.began_us) + "\nlast_full_pass_us " + std::to_string(progress.last_full_pass_us) +
          '\n';
  for (const auto& [position, damage] : progress.damaged) {
    text += "damaged " + std::to_string(position) + ' ' + damage + '\n';
  }
  std::filesystem::path temporary = path;
  temporary += ".tmp";
  auto file = environment.open(temporary, OpenMode::create);
  if (!file) return std::unexpected(file.error());
  if (auto done = (*file)->write_at(0, std::as_bytes(std::span(text))); !done) return done;
  if (auto done = (*file)->sync(); !done) return done;
  if (auto done = environment.rename(temporary, path); !done) return done;
  return environment.sync_directory(path.parent_path());
}

}  // namespace vigil::eventlog
