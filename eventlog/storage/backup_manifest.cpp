#include <charconv>
#include <cstring>
#include <sstream>

#include "eventlog/storage/backup_manifest.h"
#include "eventlog/storage/segment.h"
#include "eventlog/storage/segment_supply.h"

namespace vigil::eventlog {

namespace {

constexpr std::string_view kManifestFirstLine = "vigil backup 1";
constexpr std::string_view kBackupHint =
    "; this backup is damaged: use another one, or take a new one if the log is still there";
// A million segments; a larger file is no manifest.
constexpr std::uint64_t kManifestBytesMax = 256 << 20;

bool parse(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}
bool parse(std::string_view text, std::int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}
template <std::size_t N>
bool parse(std::string_view text, std::array<std::byte, N>& bytes) {
  if (text.size() != 2 * N) return false;
  for (std::size_t i = 0; i < N; ++i) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data() + 2 * i, text.data() + 2 * i + 2, value, 16);
    if (error != std::errc() || end != text.data() + 2 * i + 2) return false;
    bytes[i] = static_cast<std::byte>(value);
  }
  return true;
}

std::string manifest_checksum_line(std::string_view text) {
  const std::uint32_t crc = crc32c(std::as_bytes(std::span(text)));
  return "crc32c " + hex(std::as_bytes(std::span(&crc, 1))) + "\n";
}

bool parse_segment(std::istringstream& line, BackupManifest::Segment& segment) {
  std::string bytes, hash;
  return (line >> segment.name >> bytes >> hash) && parse(bytes, segment.bytes) && parse(hash, segment.hash) &&
         segment.name.find('/') == std::string::npos;
}

bool parse_line(const std::string& text, BackupManifest& manifest) {
  std::istringstream line(text);
  std::string word, value;
  line >> word;
  if (word == "segment") return parse_segment(line, manifest.segments.emplace_back());
  line >> value;
  if (word == "log_id") return parse(value, manifest.log_id);
  if (word == "position") return parse(value, manifest.position);
  if (word == "end_address") return parse(value, manifest.end_address);
  if (word == "hash") return parse(value, manifest.hash);
  if (word == "epoch") return parse(value, manifest.epoch);
  if (word == "ingest_time_us") return parse(value, manifest.ingest_time_us);
  if (word == "taken_us") return parse(value, manifest.taken_us);
  return false;
}

std::unexpected<Error> damaged_segment(const std::filesystem::path& backup, const std::string& name,
                                       const std::string& what) {
  return fail(ErrorKind::damaged,
              (backup_log(backup) / name).string() + ": damaged: " + what + std::string(kBackupHint));
}

// That every segment of the manifest is there, in whatever form, and ends with the hash it says; the last one's end is
// asked elsewhere.
Expected<void> require_named(const std::vector<StoredSegment>& segments, const BackupManifest& manifest,
                             const std::filesystem::path& backup) {
  for (std::size_t i = 0; i < manifest.segments.size(); ++i) {
    const BackupManifest::Segment& named = manifest.segments[i];
    if (i >= segments.size() || !named.name.starts_with(segment_name(segments[i].header.first_position))) {
      return damaged_segment(backup, named.name, "it is missing, and the manifest names it");
    }
    if (segments[i].header.log_id != manifest.log_id) {
      return damaged_segment(
          backup, named.name,
          "it is of the log " + hex(segments[i].header.log_id) + ", the manifest of " + hex(manifest.log_id));
    }
    if (i > 0 && segments[i].header.previous_hash != manifest.segments[i - 1].hash) {
      return damaged_segment(backup, named.name,
                             "it continues from the chain hash " + hex(segments[i].header.previous_hash) +
                                 ", the manifest says " + hex(manifest.segments[i - 1].hash));
    }
  }
  return {};
}

}  // namespace

std::string manifest_text(const BackupManifest& manifest) {
  std::ostringstream out;
  out << kManifestFirstLine << "\nlog_id " << hex(manifest.log_id) << "\nposition " << manifest.position
      << "\nend_address " << manifest.end_address << "\nhash " << hex(manifest.hash) << "\nepoch " << manifest.epoch
      << "\ningest_time_us " << manifest.ingest_time_us << "\ntaken_us " << manifest.taken_us << '\n';
  for (const BackupManifest::Segment& segment : manifest.segments) {
    out << "segment " << segment.name << ' ' << segment.bytes << ' ' << hex(segment.hash) << '\n';
  }
  const std::string text = out.str();
  return text + manifest_checksum_line(text);
}

Expected<void> write_manifest(Environment& environment, const std::filesystem::path& backup,
                              const BackupManifest& manifest) {
  const std::filesystem::path path = backup / kManifestName;
  std::filesystem::path temporary = path;
  temporary += kTemporarySuffix;
  const std::string text = manifest_text(manifest);
  auto file = environment.open(temporary, OpenMode::create);
  if (!file) return std::unexpected(file.error());
  if (auto done = (*file)->write_at(0, std::as_bytes(std::span(text))); !done) return done;
  if (auto done = (*file)->sync(); !done) return done;
  if (auto done = environment.rename(temporary, path); !done) return done;
  return environment.sync_directory(backup);
}

Expected<BackupManifest> read_manifest(Environment& environment, const std::filesystem::path& backup) {
  const std::filesystem::path path = backup / kManifestName;
  auto file = environment.open(path, OpenMode::read);
  if (!file && file.error().kind == ErrorKind::not_found) {
    return fail(ErrorKind::not_found, backup.string() + ": is no backup: it has no " + std::string(kManifestName) +
                                          "; `vigil backup --data DIR --to " + backup.string() + "` makes one");
  }
  if (!file) return std::unexpected(file.error());
  const auto bytes = (*file)->size();
  if (!bytes) return std::unexpected(bytes.error());
  const auto damaged = [&](const std::string& what) {
    return fail(ErrorKind::damaged,
                path.string() + ": damaged: " + what + "; take the backup again in an empty directory");
  };
  if (*bytes > kManifestBytesMax) return damaged("too long for a manifest");
  std::string text(*bytes, '\0');
  if (auto read = (*file)->read_at(0, std::as_writable_bytes(std::span(text))); !read) {
    return std::unexpected(read.error());
  }
  if (!text.starts_with("vigil backup ")) return damaged("not a manifest");
  if (!text.starts_with(std::string(kManifestFirstLine) + "\n")) {
    return fail(ErrorKind::unsupported_version, path.string() + ": of a newer form of backup; use a newer Vigil");
  }
  const std::size_t last = text.rfind("crc32c ");
  if (last == std::string::npos || text.substr(last) != manifest_checksum_line(text.substr(0, last))) {
    return damaged("checksum mismatch");
  }
  BackupManifest manifest;
  std::istringstream lines(text.substr(kManifestFirstLine.size() + 1, last - kManifestFirstLine.size() - 1));
  for (std::string line; std::getline(lines, line);) {
    if (!parse_line(line, manifest)) return damaged("cannot read the line '" + line + "'");
  }
  if (manifest.segments.empty()) return damaged("it names no segment");
  return manifest;
}

Error of_backup(Error error) {
  if (error.text.ends_with(kRestoreHint)) {
    error.text.replace(error.text.size() - kRestoreHint.size(), kRestoreHint.size(), kBackupHint);
  }
  return error;
}

Expected<OpenedBackup> open_backup(Environment& environment, const std::filesystem::path& backup) {
  auto manifest = read_manifest(environment, backup);
  if (!manifest) return std::unexpected(manifest.error());
  auto segments = read_segments(environment, backup_log(backup));
  if (!segments) return std::unexpected(of_backup(segments.error()));
  if (auto named = require_named(*segments, *manifest, backup); !named) return std::unexpected(named.error());
  const std::size_t last = manifest->segments.size() - 1;
  const CutLimit limit{manifest->position};
  const auto end = find_cut(environment, backup_log(backup), (*segments)[last].header, limit);
  if (!end) return std::unexpected(of_backup(end.error()));
  const std::uint64_t position = *end ? (*end)->last_position : (*segments)[last].header.first_position - 1;
  if (position != manifest->position) {
    return damaged_segment(
        backup, manifest->segments[last].name,
        "ends at position " + std::to_string(position) + ", the manifest says " + std::to_string(manifest->position));
  }
  if ((*end)->end_address != manifest->end_address || (*end)->hash != manifest->hash) {
    return damaged_segment(backup, manifest->segments[last].name,
                           "at position " + std::to_string(position) + " its chain hash is " + hex((*end)->hash) +
                               ", the manifest says " + hex(manifest->hash));
  }
  return OpenedBackup{std::move(*manifest), std::move(*segments), **end};
}

}  // namespace vigil::eventlog
