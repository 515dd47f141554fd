// The whole service under load over TCP: client and server share this machine.
#include <cstdio>
#include <deque>
#include <vector>

#include "api/client.h"
#include "bench/latency.h"
#include "bench/report.h"
#include "bench/server_process.h"
#include "bench/workload.h"

namespace vigil::bench {

namespace {

using namespace std::chrono_literals;

// The number the reply echoes; our messages carry nothing else under "id".
std::uint64_t id_of(std::string_view reply) {
  const std::size_t at = reply.find("\"id\":");
  if (at == std::string_view::npos) give_up("a reply without id: " + std::string(reply.substr(0, 200)));
  return std::strtoull(reply.data() + at + 5, nullptr, 10);
}

void expect_decided(std::string_view reply) {
  if (reply.find("\"status\":\"decided\"") == std::string_view::npos) {
    give_up("not decided: " + std::string(reply.substr(0, 300)));
  }
}

struct Run {
  double per_second = 0;
  Latencies latencies;
};

// Closed loop: `in_flight` messages of `count` transactions under way at any time.
Run closed_loop(api::Client& client, Workload& workload, std::size_t in_flight, std::size_t count, double seconds) {
  // Made before the clock starts, so that the client costs little of the shared cores.
  const std::size_t messages = static_cast<std::size_t>(seconds * 400'000 / static_cast<double>(count));
  std::vector<std::string> prepared;
  for (std::size_t i = 0; i < messages; ++i) prepared.push_back(workload.message(i, count));
  std::vector<std::int64_t> sent(messages);
  Run run;
  std::size_t next = 0, done = 0;
  const std::int64_t start = now_us(), end = start + static_cast<std::int64_t>(seconds * 1e6);
  const auto send = [&] {
    sent[next] = now_us();
    if (!client.send(prepared[next])) give_up("the server takes nothing");
    ++next;
  };
  while (next < std::min(in_flight, messages)) send();
  while (done < next) {
    const auto reply = client.receive(10'000ms);
    if (!reply) give_up("the server does not answer");
    expect_decided(*reply);
    run.latencies.record(now_us() - sent[id_of(*reply)]);
    ++done;
    if (next < messages && now_us() < end) send();
  }
  run.per_second = static_cast<double>(done * count) * 1e6 / static_cast<double>(now_us() - start);
  return run;
}

// Open loop: messages leave at their due time whatever the server does, and latency counts from that time.
Run open_loop(api::Client& client, Workload& workload, double messages_per_second, double seconds) {
  const auto messages = static_cast<std::size_t>(messages_per_second * seconds);
  std::vector<std::string> prepared;
  for (std::size_t i = 0; i < messages; ++i) prepared.push_back(workload.message(i, 1));
  const double gap_us = 1e6 / messages_per_second;
  Run run;
  std::size_t next = 0, done = 0;
  const std::int64_t start = now_us();
  const auto due = [&](std::size_t i) { return start + static_cast<std::int64_t>(static_cast<double>(i) * gap_us); };
  while (done < messages) {
    while (next < messages && due(next) <= now_us()) {
      if (!client.send(prepared[next++])) give_up("the server takes nothing");
    }
    // Sleeps until a reply comes or a millisecond is over: a client that polled would take a core from the service.
    // What is sent late by that counts as waiting.
    for (auto reply = client.receive(1ms); reply; reply = client.try_receive()) {
      expect_decided(*reply);
      run.latencies.record(now_us() - due(id_of(*reply)));
      ++done;
    }
    if (now_us() - start > static_cast<std::int64_t>(seconds * 4e6))
      give_up("the server does not keep up with half load");
  }
  run.per_second = static_cast<double>(done) * 1e6 / static_cast<double>(now_us() - start);
  return run;
}

std::string figure(Run& run) { return rate(run.per_second, 1) + ", " + run.latencies.summary(); }

}  // namespace

void measure_over_zeromq(const Settings& settings, const Limits& limits) {
  heading("Over ZeroMQ (TCP loopback, client on the same cores): durable decisions, all read models following");
  const std::filesystem::path directory = settings.scratch / "over_zeromq";
  std::filesystem::remove_all(directory);
  {
    const ServerProcess server(settings.vigil, directory);
    auto client = api::Client::connect(server.endpoint());
    if (!client) give_up(client.error().text);
    Workload workload({.start_us = wall_us() - 6 * kDayUs, .seed = 7});

    closed_loop(**client, workload, 16, 64, 2);  // warm
    Run batches = closed_loop(**client, workload, 16, 64, settings.seconds);
    row("16 messages of 64 in flight", figure(batches));
    Run singles = closed_loop(**client, workload, 256, 1, settings.seconds);
    row("256 single messages in flight", figure(singles));
    Run half = open_loop(**client, workload, singles.per_second / 2, settings.seconds);
    row("half of that, open loop, single messages", figure(half));
    Run one = closed_loop(**client, workload, 1, 1, 3);
    char text[160];
    std::snprintf(
        text, sizeof text, "%s; %.2f × (synced append + round trip)", one.latencies.summary().c_str(),
        static_cast<double>(one.latencies.percentile(50)) / (limits.append_p50_us + limits.round_trip_p50_us));
    row("one in flight", text);
  }
  std::filesystem::remove_all(directory);
}

}  // namespace vigil::bench
