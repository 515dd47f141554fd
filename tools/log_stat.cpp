#include "tools/log_stat.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "api/event_json.h"
#include "api/time_text.h"
#include "eventlog/storage/log.h"
#include "eventlog/storage/posix_environment.h"
#include "eventlog/storage/segment.h"
#include "eventlog/storage/segment_chain.h"
#include "eventlog/storage/segment_supply.h"
#include "tools/data_directory.h"
#include "tools/progress.h"
#include "tools/subcommand.h"

namespace vigil::tools {
namespace {

using eventlog::Expected;
using eventlog::Position;

struct StatArguments {
  std::string data;
  bool segments = false;
  bool json = false;
};

struct TypeTotal {
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;  // record headers, links, payloads
};

struct SegmentTotal {
  std::string name;
  std::uint64_t first = 0, last = 0;  // positions
  std::uint64_t used_bytes = 0;       // header and frames
  std::uint64_t disk_bytes = 0;       // of its file, zeros included, or of its archive
  std::int64_t created_us = 0;
  bool archived = false, sealed = false;
};

struct LogTotals {
  std::string id;
  std::uint64_t events = 0;
  std::vector<SegmentTotal> segments;
  std::uint64_t archived = 0;
  std::uint64_t disk_bytes = 0;
  std::uint64_t spare_bytes = 0;           // of the file that becomes the next segment
  std::int64_t first_us = 0, last_us = 0;  // ingest times
  std::map<std::string, TypeTotal> types;
};

Expected<void> measure_segments(eventlog::Environment& environment, const std::filesystem::path& directory,
                                std::uint64_t durable, LogTotals& totals) {
  const auto segments = eventlog::read_segments(environment, directory);
  if (!segments) return std::unexpected(segments.error());
  for (std::size_t i = 0; i < segments->size(); ++i) {
    const eventlog::SegmentHeader& header = (*segments)[i].header;
    SegmentTotal& total = totals.segments.emplace_back();
    total.archived = (*segments)[i].archive.has_value();
    total.sealed = i + 1 < segments->size();
    total.name =
        total.archived ? eventlog::archive_name(header.first_position) : eventlog::segment_name(header.first_position);
    total.first = header.first_position;
    total.last = total.sealed ? (*segments)[i + 1].header.first_position - 1 : durable;
    total.used_bytes = total.sealed ? (*segments)[i + 1].header.previous_end_address - header.base_address : 0;
    total.disk_bytes = total.archived ? (*segments)[i].archive->archive_bytes : header.segment_bytes;
    total.created_us = header.created_us;
    totals.archived += total.archived ? 1 : 0;
    totals.disk_bytes += total.disk_bytes;
  }
  if (auto spare = environment.open(directory / eventlog::kSpareName, eventlog::OpenMode::read)) {
    totals.spare_bytes = (*spare)->size().value_or(0);
  }
  return {};
}

Expected<LogTotals> measure(eventlog::Environment& environment, const StatArguments& arguments,
                            const eventlog::LogSource& log) {
  LogTotals totals;
  totals.id = log.id();
  auto cursor = log.read_from(Position{1});
  if (!cursor) return std::unexpected(cursor.error());
  Progress progress("reading the log", "events");
  while (true) {
    const auto record = (*cursor)->next();
    if (!record) return std::unexpected(record.error());
    if (!*record) break;
    const auto type = eventlog::type_of(**record);
    if (!type) return std::unexpected(type.error());
    TypeTotal& total = totals.types[std::string(eventlog::name(*type))];
    ++total.events;
    // A record's header is 24 bytes at most beside its links (frame_builder.h).
    total.bytes += eventlog::kRecordOverheadMax - eventlog::kLinksMax * sizeof(eventlog::Link) +
                   (*record)->links.size_bytes() + (*record)->payload.size();
    if (totals.events++ == 0) totals.first_us = (*record)->ingest_time.value();
    totals.last_us = (*record)->ingest_time.value();
    if (totals.events % 4096 == 0) progress.update(totals.events, totals.events, log.durable().value());
  }
  if (auto done = measure_segments(environment, log_directory(arguments.data), totals.events, totals); !done) {
    return std::unexpected(done.error());
  }
  return totals;
}

void print_segments(const LogTotals& totals) {
  std::printf("\n%-28s %14s %14s %16s %16s  %s\n", "segment", "first", "last", "bytes used", "bytes on disk", "");
  for (const SegmentTotal& segment : totals.segments) {
    std::printf("%-28s %14s %14s %16s %16s  %s\n", segment.name.c_str(), grouped(segment.first).c_str(),
                grouped(segment.last).c_str(), segment.sealed ? grouped(segment.used_bytes).c_str() : "",
                grouped(segment.disk_bytes).c_str(),
                !segment.sealed    ? "being written"
                : segment.archived ? "archived"
                                   : "sealed");
  }
}

void print_text(const LogTotals& totals, const StatArguments& arguments) {
  std::printf("log           %s\nevents        %s\nsegments      %s, %s of them archived, %s bytes on disk\n",
              totals.id.c_str(), grouped(totals.events).c_str(), grouped(totals.segments.size()).c_str(),
              grouped(totals.archived).c_str(), grouped(totals.disk_bytes).c_str());
  std::printf("spare         %s\n",
              totals.spare_bytes == 0 ? "none yet" : (grouped(totals.spare_bytes) + " bytes").c_str());
  if (totals.events == 0) return;
  std::printf("taken         %s to %s\n", api::time_text(totals.first_us).c_str(),
              api::time_text(totals.last_us).c_str());
  if (arguments.segments) print_segments(totals);
  std::printf("\n%-24s %14s %16s %12s\n", "event", "events", "bytes", "bytes each");
  for (const auto& [type, total] : totals.types) {
    std::printf("%-24s %14s %16s %12.1f\n", type.c_str(), grouped(total.events).c_str(), grouped(total.bytes).c_str(),
                static_cast<double>(total.bytes) / static_cast<double>(total.events));
  }
}

void print_json(const LogTotals& totals) {
  nlohmann::ordered_json json = {
      {"log_id", totals.id},         {"events", totals.events},         {"segments", totals.segments.size()},
      {"archived", totals.archived}, {"disk_bytes", totals.disk_bytes}, {"spare_bytes", totals.spare_bytes}};
  if (totals.events > 0) {
    json["first_ingest_time"] = api::time_text(totals.first_us);
    json["last_ingest_time"] = api::time_text(totals.last_us);
  }
  for (const auto& [type, total] : totals.types) {
    json["types"][type] = {{"events", total.events}, {"bytes", total.bytes}};
  }
  for (const SegmentTotal& segment : totals.segments) {
    json["segment_files"].push_back({{"name", segment.name},
                                     {"first_position", segment.first},
                                     {"last_position", segment.last},
                                     {"disk_bytes", segment.disk_bytes},
                                     {"created", api::time_text(segment.created_us)},
                                     {"archived", segment.archived},
                                     {"sealed", segment.sealed}});
  }
  std::cout << json.dump() << '\n';
}

int stat(const StatArguments& arguments) {
  eventlog::PosixEnvironment environment;
  const auto log = open_log(environment, arguments.data);
  if (!log) return print_error(log.error());
  const auto totals = measure(environment, arguments, **log);
  if (!totals) return print_error(totals.error());
  arguments.json ? print_json(*totals) : print_text(*totals, arguments);
  return kDone;
}

}  // namespace

void add_log_stat(CLI::App& log, int& exit_code) {
  auto arguments = std::make_shared<StatArguments>();
  CLI::App* command =
      log.add_subcommand("stat", "how many events of which type, since when, in how many segments and bytes");
  command->add_option("--data", arguments->data, "data directory")->required();
  command->add_flag("--segments", arguments->segments, "also a line for every segment");
  command->add_flag("--json", arguments->json, "as JSON, with every segment");
  example_on_data(*command, "build/vigil log stat --data " + std::string(kExampleData) + " --segments");
  command->callback([arguments, &exit_code] { exit_code = stat(*arguments); });
}

}  // namespace vigil::tools
