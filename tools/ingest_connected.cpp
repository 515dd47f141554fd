// Ingest through a running service: the same commands, sent as messages.
#include "tools/ingest.h"
#include "tools/interruption.h"
#include "tools/progress.h"
#include "tools/service_sender.h"

namespace vigil::tools {

using eventlog::Expected;

namespace {

Expected<void> send_all(const IngestOptions& options, commands::InputReader& reader, ServiceSender& sender,
                        IngestSummary& summary, Progress& progress) {
  const std::string map_policy = reader.policy() ? reader.policy()->to_toml() : "";
  const auto wanted = activations(options, map_policy);
  for (const commands::Command& command : wanted) {
    if (auto sent = sender.send(command); !sent) return sent;
  }
  if (auto settled = sender.settle(); !settled) return settled;
  if (auto in_force = summary.all_in_force(wanted.size()); !in_force) return in_force;
  const RawForm raw_form = reader.raw_is_element() ? RawForm::element : RawForm::other;
  const Interruption interruption;
  while (!interruption.requested()) {
    const auto commands = reader.read(options.batch);
    if (!commands) return std::unexpected(commands.error());
    if (commands->empty()) return sender.settle();
    for (const commands::Command& command : *commands) {
      if (auto sent = sender.send(command, raw_form); !sent) return sent;
    }
    progress.update(summary.transactions(), reader.bytes_done(), reader.bytes_total());
  }
  summary.interrupted = true;
  return sender.settle();
}

}  // namespace

Expected<IngestSummary> ingest_connected(const IngestOptions& options, commands::InputReader& reader) {
  IngestSummary summary;
  ServiceSender::Options sending;
  sending.commands_per_message = options.commands_per_message;
  sending.in_flight = options.in_flight;
  auto sender = ServiceSender::connect(options.connect, sending, summary);
  if (!sender) return std::unexpected(sender.error());
  Progress progress("ingesting", "transactions");
  if (auto sent = send_all(options, reader, **sender, summary, progress); !sent) return std::unexpected(sent.error());
  summary.seconds = progress.seconds();
  return summary;
}

}  // namespace vigil::tools
