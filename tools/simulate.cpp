// `vigil simulate`: a labelled stream of payments with injected fraud.
#include <CLI/CLI.hpp>
#include <chrono>
#include <functional>
#include <iostream>
#include <memory>

#include "api/time_text.h"
#include "commands/message_parser.h"
#include "tools/output_file.h"
#include "tools/progress.h"
#include "tools/service_sender.h"
#include "tools/simulation/stream.h"
#include "tools/simulation/writer.h"
#include "tools/subcommand.h"

namespace vigil::tools {
namespace {

using eventlog::ErrorKind;
using eventlog::Expected;

struct SimulateOptions {
  simulation::StreamOptions stream;
  double fraud_rate = 0.005;
  std::string start = "2026-01-01";
  std::string out = "-";
  std::string connect;
};

bool completes(SimulateOptions& options) {
  const auto start = api::parse_time(options.start);
  if (!start || *start < 0 || *start % simulation::kDayUs != 0) {
    print_usage_error("--start '" + options.start + "' is not a day such as 2026-01-01");
    return false;
  }
  if (!(options.fraud_rate >= 0 && options.fraud_rate <= 0.5)) {  // which no comparison says of NaN
    print_usage_error("--fraud-rate is not a number from 0 to 0.5");
    return false;
  }
  // Labels come within a year of what they are about.
  const std::int64_t end = *start + (std::int64_t{options.stream.days} + 366) * simulation::kDayUs;
  if (end > *api::parse_time("9999-12-31")) {
    print_usage_error("--start '" + options.start + "': times end with the year 9999, and the stream would not");
    return false;
  }
  options.stream.start_us = *start;
  options.stream.fraud_per_million = static_cast<std::uint32_t>(options.fraud_rate * 1e6 + 0.5);
  return true;
}

// Where the lines go; false stops the stream.
using TakeLine = std::function<bool(std::string_view)>;

void run_stream(const SimulateOptions& options, simulation::Format format, const TakeLine& take) {
  simulation::Stream stream(options.stream);
  const simulation::Writer writer(format, stream);
  Progress progress("simulating", "transactions");
  bool going = true;
  writer.write_preamble([&](std::string_view line) { going = going && take(line); });
  std::uint64_t transactions = 0, frauds = 0, labels = 0;
  std::string line;
  while (going) {
    const auto item = stream.next();
    if (!item) break;
    line.clear();
    if (writer.write(line, *item)) going = take(line);
    const auto* payment = std::get_if<simulation::NumberedPayment>(&*item);
    if (payment == nullptr) {
      ++labels;
      continue;
    }
    frauds += payment->payment.scenario != simulation::Scenario::none;
    if (++transactions % 1024 == 0) progress.update(transactions, transactions, options.stream.transactions);
  }
  progress.finish();
  std::cerr << "simulated " << grouped(transactions) << " transactions of " << grouped(stream.options().customers)
            << " customers, " << grouped(frauds) << " of them fraud, " << grouped(labels) << " labels, in "
            << duration_text(progress.seconds()) << '\n';
}

Expected<void> write_stream(const SimulateOptions& options) {
  const std::string plain = options.out.ends_with(".zst") ? options.out.substr(0, options.out.size() - 4) : options.out;
  const auto format = plain.ends_with(".csv") ? simulation::Format::csv : simulation::Format::json_lines;
  auto file = OutputFile::create(options.out);
  if (!file) return std::unexpected(file.error());
  std::string text;
  run_stream(options, format, [&](std::string_view line) {
    (*file)->write(text.assign(line) += '\n');
    return !(*file)->failed();
  });
  return (*file)->finish();
}

// Straight to a running service, as `vigil ingest --connect` would send the file.
Expected<void> send_stream(const SimulateOptions& options) {
  IngestSummary summary;
  auto sender = ServiceSender::connect(options.connect, {}, summary);
  if (!sender) return std::unexpected(sender.error());
  commands::MessageParser parser;
  Expected<void> sent;
  const auto started = std::chrono::steady_clock::now();
  run_stream(options, simulation::Format::json_lines, [&](std::string_view line) {
    for (const commands::Command& command : parser.parse_line(line, "simulated").commands) {
      if (sent) sent = (*sender)->send(command, RawForm::element);
    }
    return sent.has_value();
  });
  if (sent) sent = (*sender)->settle();
  if (!sent) return sent;
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  std::cout << summary.to_text();
  return {};
}

int simulate(SimulateOptions& options) {
  if (!completes(options)) return kUsage;
  const auto written = options.connect.empty() ? write_stream(options) : send_stream(options);
  return written ? kDone : print_error(written.error());
}

}  // namespace

void add_simulate(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<SimulateOptions>();
  simulation::StreamOptions& stream = options->stream;
  CLI::App* command =
      app.add_subcommand("simulate",
                         "Make a labelled stream: people with habits and journeys, shops, and fraud of six kinds.\n"
                         "The same options give the same bytes on every machine.");
  command->add_option("--transactions", stream.transactions, "how many payments")
      ->capture_default_str()
      ->check(CLI::Range(1ull, 10'000'000'000ull));
  command->add_option("--customers", stream.customers, "how many people (default: transactions / 40)")
      ->check(CLI::Range(1u, 100'000'000u));
  command->add_option("--merchants", stream.merchants, "how many shops (default: customers / 4)")
      ->check(CLI::Range(1u, 10'000'000u));
  command->add_option("--days", stream.days, "over how many days")->capture_default_str()->check(CLI::Range(1u, 3650u));
  command->add_option("--fraud-rate", options->fraud_rate, "share of payments that are fraud, 0 to 0.5")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 0.5));
  command->add_option("--seed", stream.seed, "another seed, another stream")->capture_default_str();
  command->add_option("--start", options->start, "first day, UTC")->capture_default_str();
  command
      ->add_option("--out", options->out,
                   "file to write: .csv, or JSON lines with any other name; .zst compresses; - is stdout")
      ->capture_default_str();
  command->add_option("--connect", options->connect,
                      "send it to a running service instead, whose clock then follows the stream");
  example(*command,
          "build/vigil simulate --transactions 10000 --fraud-rate 0.01 --seed 7 --out /tmp/vigil-example.jsonl");
  command->callback([options, &exit_code] { exit_code = simulate(*options); });
}

}  // namespace vigil::tools
