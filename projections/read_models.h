// The read models behind one door: folded live in the service, or opened read-only by another process.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eventlog/storage/log.h"
#include "projections/answers.h"

namespace vigil::projections {

// "customer_profile", "merchant_risk", "aggregates", "snapshots", "alerts", "quarantine", "data_quality".
const std::vector<std::string>& model_names();

struct ReadModelsOptions {
  std::chrono::milliseconds flush_age{1000};      // an event is in LMDB at the latest this long after its fold
  std::uint64_t overlay_bytes_max = 64ull << 20;  // per model; folded and not yet evicted
  std::uint64_t states_bytes_max = 512ull << 20;  // of `snapshots`: entity states that need not be restored
  std::uint64_t map_bytes_initial = 1ull << 30;   // address space per model; grows by doubling
  std::function<std::chrono::steady_clock::time_point()> clock = {};  // default steady_clock::now
  std::string boot_id = {};                                           // default the machine's
};

enum class ModelState : std::uint8_t { following, rebuilding, parked };
std::string_view name(ModelState state);  // "following" …

struct ModelStatus {
  std::string name;
  ModelState state = ModelState::following;
  Position applied;     // what queries in this process see
  Position checkpoint;  // what is in LMDB
  std::string digest;   // state digest at the checkpoint, 32 hex digits
  std::string reason;   // why it is parked or rebuilding (names the position), else ""
};

// Thread-safe but for close(). Opened by open(), it folds the log beside the writer, and no model is held up by another
// (convoy.h); its queries are as fresh as applied(). Opened read-only, queries see each model's checkpoint. An answer
// about something unknown is empty, never an error; errors are `io` and `damaged`.
class ReadModels {
 public:
  // Locks `directory` (created when missing) and follows `log` from each model's checkpoint. A model that is
  // damaged, of another schema or log, or was cut off by a power loss is rebuilt from position 1.
  // Errors: locked; damaged when a checkpoint is ahead of the log; io.
  // `log` must outlive the object and stay open until close().
  static Expected<std::unique_ptr<ReadModels>> open(const std::filesystem::path& directory,
                                                    const eventlog::LogSource& log,
                                                    const ReadModelsOptions& options = {});
  // For another process, also while a writer is at work. Without a log state_as_of() is refused.
  // Errors: not_found when there is no model; unsupported_version; damaged.
  static Expected<std::unique_ptr<ReadModels>> open_read_only(const std::filesystem::path& directory,
                                                              const eventlog::LogSource* log = nullptr);
  virtual ~ReadModels() = default;  // closes

  // Commits what is folded, syncs, stops the threads. No other call may be under way; later queries are refused.
  virtual Expected<void> close() = 0;
  // Folds up to what is durable now and commits it, so that checkpoints and digests stand there.
  virtual Expected<void> flush() = 0;

  virtual std::vector<ModelStatus> status() const = 0;
  // The lowest position all models that are not parked have applied.
  virtual Position applied() const = 0;
  // Waits until queries see `position`. False when `timeout` passed or a model is parked before it.
  // Read-only: whether the checkpoints are there.
  virtual bool wait_for(Position position, std::chrono::milliseconds timeout) const = 0;
  // The same of the named models alone, parked or not: what an answer that draws on them knows. One that cannot tell
  // answers for all.
  virtual Position applied_by([[maybe_unused]] std::span<const std::string_view> models) const { return applied(); }
  virtual bool wait_for(Position position, std::chrono::milliseconds timeout,
                        [[maybe_unused]] std::span<const std::string_view> models) const {
    return wait_for(position, timeout);
  }

  virtual Expected<std::optional<CustomerProfile>> customer(std::string_view id) const = 0;
  virtual Expected<std::optional<MerchantRisk>> merchant(std::string_view id) const = 0;
  // Ordered by bucket, then value.
  virtual Expected<std::vector<AggregateRow>> aggregates(const AggregateQuery& query) const = 0;
  virtual Expected<std::vector<Alert>> alerts(const AlertQuery& query) const = 0;
  virtual Expected<std::vector<RuleStatistics>> rule_statistics() const = 0;  // ordered by rule id
  virtual Expected<std::vector<Quarantined>> quarantine(const QuarantineQuery& query) const = 0;
  virtual Expected<std::vector<QualityCount>> data_quality() const = 0;  // ordered by day, then name
  // Nothing when the entity was unknown then. `position` beyond what the model that knows the entity's newest event has
  // applied (merchant_risk, for customers and devices customer_profile) is answered as of there.
  virtual Expected<std::optional<StateAsOf>> state_as_of(EntityKind kind, std::string_view id,
                                                         Position position) const = 0;
};

}  // namespace vigil::projections
