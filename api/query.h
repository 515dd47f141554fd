// Questions and answers of the read side, as JSON; docs/protocol.md "Queries" is the reference.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/service_status.h"
#include "eventlog/storage/log.h"
#include "projections/read_models.h"

namespace vigil::api {

// Longest time a query may ask to wait for "at least position P".
inline constexpr std::chrono::milliseconds kQueryTimeoutMax{30'000};
// Rows a list answer holds unless `limit` says otherwise, and at most.
inline constexpr std::size_t kRowsDefault = 100;
inline constexpr std::size_t kRowsMax = 100'000;
// What the fields or rows of one answer may take as text; more is an error that says so.
inline constexpr std::size_t kAnswerBytesMax = 16 << 20;

// What "query" may be, and the fields of one besides those that all have; nothing for a name that is none.
std::span<const std::string_view> query_names();
std::optional<std::span<const std::string_view>> query_fields(std::string_view query);

// What answers come from; all of it outlives the Queries.
struct QuerySources {
  const eventlog::LogSource& log;
  const projections::ReadModels& models;
  std::function<ServiceStatus()> service;  // empty when no service is running (`vigil query --data`)
};

// How fresh the asker wants the answer: read your own writes.
struct Freshness {
  eventlog::Position at_least;
  std::span<const std::string_view> drawn_on;  // the models the answer comes from
  std::chrono::milliseconds timeout{1000};

  // Whether they have it, waiting up to `wait`.
  bool reached(const projections::ReadModels& models, std::chrono::milliseconds wait) const {
    return models.wait_for(at_least, wait, drawn_on);
  }
};

// Not thread-safe; one per thread.
class Queries {
 public:
  explicit Queries(const QuerySources& sources);
  ~Queries();

  // Nothing when the request asks for none (or cannot be read: answer() will say so).
  std::optional<Freshness> freshness(std::string_view request) const;
  // One JSON object, always: what is wrong with a request is an answer too. `request_id` is the JSON token to
  // echo, or "".
  std::string answer(std::string_view request, std::string_view request_id);
  // The answer when `at_least` was not reached in time.
  std::string too_late(std::string_view request_id) const;
  // The answer to what had not begun when the service was told to stop.
  static std::string stopping(std::string_view request_id);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigil::api
