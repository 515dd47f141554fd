// What the machine itself allows: a synced append, a round trip.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "bench/latency.h"
#include "bench/report.h"

namespace vigil::bench {

namespace {

// `bytes` per append, overwriting a zero-filled file as the log does: the file's size never changes.
Latencies synced_appends(const Settings& settings, std::size_t bytes, double seconds) {
  constexpr std::size_t kFileBytes = 64 << 20;
  const std::string path = (settings.scratch / "append").string();
  const int file = ::open(path.c_str(), O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) give_up("cannot create " + path);
  const std::vector<char> zeros(1 << 20, 0);
  for (std::size_t at = 0; at < kFileBytes; at += zeros.size()) {
    if (::pwrite(file, zeros.data(), zeros.size(), static_cast<off_t>(at)) < 0) give_up("cannot write " + path);
  }
  ::fsync(file);
  const std::vector<char> block(bytes, 'x');
  Latencies latencies;
  const std::int64_t end = now_us() + static_cast<std::int64_t>(seconds * 1e6);
  for (std::size_t at = 0; now_us() < end; at = (at + bytes) % (kFileBytes - bytes)) {
    const std::int64_t start = now_us();
    if (::pwrite(file, block.data(), bytes, static_cast<off_t>(at & ~std::size_t{4095})) < 0 ||
        ::fdatasync(file) != 0) {
      give_up("cannot append to " + path);
    }
    latencies.record(now_us() - start);
  }
  ::close(file);
  ::unlink(path.c_str());
  return latencies;
}

Latencies round_trips(double seconds) {
  zmq::context_t context;
  zmq::socket_t server(context, zmq::socket_type::router);
  server.bind("tcp://127.0.0.1:*");
  const std::string endpoint = server.get(zmq::sockopt::last_endpoint);
  const std::int64_t end = now_us() + static_cast<std::int64_t>(seconds * 1e6);
  std::jthread echo([&](std::stop_token stop) {
    server.set(zmq::sockopt::rcvtimeo, 100);
    zmq::message_t sender, body;
    while (!stop.stop_requested()) {
      if (!server.recv(sender)) continue;
      (void)server.recv(body);
      server.send(sender, zmq::send_flags::sndmore);
      server.send(body, zmq::send_flags::none);
    }
  });
  zmq::socket_t client(context, zmq::socket_type::dealer);
  client.connect(endpoint);
  const std::string message(330, 'x');
  Latencies latencies;
  zmq::message_t reply;
  while (now_us() < end) {
    const std::int64_t start = now_us();
    client.send(zmq::buffer(message), zmq::send_flags::none);
    (void)client.recv(reply);
    latencies.record(now_us() - start);
  }
  return latencies;
}

}  // namespace

Limits measure_limits(const Settings& settings) {
  heading("Limits of this machine, in the same run");
  Latencies small = synced_appends(settings, 4096, 2);
  row("synced append of 4 KiB to a zero-filled file",
      rate(static_cast<double>(small.count()), 2) + ", " + small.summary());
  Latencies large = synced_appends(settings, 256 << 10, 2);
  row("synced append of 256 KiB", std::to_string(large.count() / 4 / 2) + " MiB/s, " + large.summary());
  Latencies trips = round_trips(2);
  row("ZeroMQ round trip over TCP loopback, 330 bytes",
      rate(static_cast<double>(trips.count()), 2) + ", " + trips.summary());
  return {static_cast<double>(small.percentile(50)), static_cast<double>(trips.percentile(50))};
}

}  // namespace vigil::bench
