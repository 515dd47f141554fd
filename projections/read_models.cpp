#include "projections/read_models.h"

#include <algorithm>

#include "projections/aggregates.h"
#include "projections/alerts.h"
#include "projections/customer_profile.h"
#include "projections/data_quality.h"
#include "projections/durable_file.h"
#include "projections/merchant_risk.h"
#include "projections/quarantine.h"
#include "projections/runner.h"
#include "projections/snapshots.h"

namespace vigil::projections {
namespace {

using eventlog::ErrorKind;
using eventlog::fail;

constexpr std::string_view kCustomerProfile = "customer_profile", kMerchantRisk = "merchant_risk";

bool is_one_of(const HostedModel& model, std::span<const std::string_view> names) {
  return std::ranges::find(names, model.name()) != names.end();
}

// The queries, whoever holds the models.
class AnsweringModels : public ReadModels {
 public:
  explicit AnsweringModels(const eventlog::LogSource* log) : log_(log) {}

  Expected<std::optional<CustomerProfile>> customer(std::string_view id) const override {
    return ask<CustomerProfileModel>(kCustomerProfile,
                                     [&](auto& model, auto& view) { return model.customer(view, id); });
  }
  Expected<std::optional<MerchantRisk>> merchant(std::string_view id) const override {
    return ask<MerchantRiskModel>(kMerchantRisk, [&](auto& model, auto& view) { return model.merchant(view, id); });
  }
  Expected<std::vector<AggregateRow>> aggregates(const AggregateQuery& query) const override {
    return ask<AggregatesModel>("aggregates", [&](auto& model, auto& view) { return model.rows(view, query); });
  }
  Expected<std::vector<Alert>> alerts(const AlertQuery& query) const override {
    return ask<AlertsModel>("alerts", [&](auto& model, auto& view) { return model.alerts(view, query); });
  }
  Expected<std::vector<RuleStatistics>> rule_statistics() const override {
    return ask<AlertsModel>("alerts", [&](auto& model, auto& view) { return model.rule_statistics(view); });
  }
  Expected<std::vector<Quarantined>> quarantine(const QuarantineQuery& query) const override {
    return ask<QuarantineModel>("quarantine", [&](auto& model, auto& view) { return model.quarantine(view, query); });
  }
  Expected<std::vector<QualityCount>> data_quality() const override {
    return ask<DataQualityModel>("data_quality", [&](auto& model, auto& view) { return model.counts(view); });
  }
  Expected<std::optional<StateAsOf>> state_as_of(EntityKind kind, std::string_view id,
                                                 Position position) const override;

 protected:
  virtual const HostedModel* model(std::string_view name) const = 0;  // null once closed

 private:
  template <class P, class Ask>
  auto ask(std::string_view name, Ask question) const
      -> decltype(question(std::declval<const P&>(), std::declval<const ReadTransaction&>())) {
    const HostedModel* asked = model(name);
    if (asked == nullptr) return fail(ErrorKind::invalid, "the read models are closed");
    return asked->read<P>(question);
  }
  Expected<Position> newest(EntityKind kind, std::string_view id) const;

  const eventlog::LogSource* log_;
};

Expected<Position> AnsweringModels::newest(EntityKind kind, std::string_view id) const {
  if (kind == EntityKind::merchant) {
    return ask<MerchantRiskModel>(kMerchantRisk,
                                  [&](auto& model, auto& view) { return model.newest_of_merchant(view, id); });
  }
  return ask<CustomerProfileModel>(kCustomerProfile, [&](auto& model, auto& view) {
    return kind == EntityKind::customer ? model.newest_of_customer(view, id) : model.newest_of_device(view, id);
  });
}

Expected<std::optional<StateAsOf>> AnsweringModels::state_as_of(EntityKind kind, std::string_view id,
                                                                Position position) const {
  if (log_ == nullptr) return fail(ErrorKind::invalid, "the past can only be asked with the log at hand");
  if (id.empty() || id.size() > eventlog::kIdBytesMax) return std::optional<StateAsOf>{};
  // The entity's newest event comes from one model. How far `snapshots` stands only decides how many events are folded.
  const std::string_view knows_newest = kind == EntityKind::merchant ? kMerchantRisk : kCustomerProfile;
  position = std::min(position, applied_by({&knows_newest, 1}));
  if (position == Position{}) return std::optional<StateAsOf>{};
  auto head = newest(kind, id);
  if (!head) return std::unexpected(head.error());
  if (*head == Position{}) return std::optional<StateAsOf>{};
  return ask<SnapshotsModel>(
      "snapshots", [&](auto& model, auto& view) { return model.state_as_of(view, kind, id, *head, position); });
}

class LiveReadModels final : public AnsweringModels {
 public:
  LiveReadModels(const eventlog::LogSource& log, DirectoryLock lock, std::vector<std::unique_ptr<HostedModel>> models,
                 const ReadModelsOptions& options);
  ~LiveReadModels() override { (void)close(); }

  Expected<void> close() override {
    Expected<void> result;
    for (const auto& runner : runners_) {
      auto stopped = runner->stop();
      if (!stopped && result) result = stopped;
    }
    runners_.clear();
    convoy_.reset();
    return result;
  }
  Expected<void> flush() override {
    Expected<void> result;
    for (const auto& runner : runners_) {
      auto flushed = runner->flush();
      if (!flushed && result) result = flushed;
    }
    return result;
  }
  std::vector<ModelStatus> status() const override {
    std::vector<ModelStatus> all;
    for (const auto& runner : runners_) all.push_back(runner->model().status());
    return all;
  }
  Position applied() const override {
    std::optional<Position> lowest;
    for (const auto& runner : runners_) {
      if (runner->model().parked()) continue;
      lowest = std::min(lowest.value_or(runner->model().applied()), runner->model().applied());
    }
    return lowest.value_or(Position{});
  }
  bool wait_for(Position position, std::chrono::milliseconds timeout) const override {
    return wait_for_all(position, timeout, [](const HostedModel&) { return true; });
  }
  Position applied_by(std::span<const std::string_view> models) const override {
    std::optional<Position> lowest;
    for (const auto& runner : runners_) {
      if (!is_one_of(runner->model(), models)) continue;
      lowest = std::min(lowest.value_or(runner->model().applied()), runner->model().applied());
    }
    return lowest.value_or(Position{});
  }
  bool wait_for(Position position, std::chrono::milliseconds timeout,
                std::span<const std::string_view> models) const override {
    return wait_for_all(position, timeout, [&](const HostedModel& model) { return is_one_of(model, models); });
  }

 protected:
  const HostedModel* model(std::string_view name) const override {
    for (const auto& runner : runners_) {
      if (runner->model().name() == name) return &runner->model();
    }
    return nullptr;
  }

 private:
  template <class Wanted>
  bool wait_for_all(Position position, std::chrono::milliseconds timeout, Wanted wanted) const {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    for (const auto& runner : runners_) {
      if (!wanted(runner->model())) continue;
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      if (!runner->wait_for(position, std::max(left, std::chrono::milliseconds(0)))) return false;
    }
    return !runners_.empty();
  }

  DirectoryLock lock_;
  std::unique_ptr<Convoy> convoy_;
  std::vector<std::unique_ptr<Runner>> runners_;
};

// The convoy begins where the furthest model stands; the others catch up with it by themselves.
LiveReadModels::LiveReadModels(const eventlog::LogSource& log, DirectoryLock lock,
                               std::vector<std::unique_ptr<HostedModel>> models, const ReadModelsOptions& options)
    : AnsweringModels(&log), lock_(std::move(lock)) {
  const Clock clock = options.clock ? options.clock : Clock(std::chrono::steady_clock::now);
  Position furthest;
  for (const auto& model : models) furthest = std::max(furthest, model->applied());
  convoy_ = std::make_unique<Convoy>(log, furthest, clock);
  const CommitSlots slots{clock(), options.flush_age};
  for (std::size_t i = 0; i < models.size(); ++i) {
    CommitSlots own = slots;
    own.phase = slots.age * i / models.size();
    runners_.push_back(std::make_unique<Runner>(log, std::move(models[i]), *convoy_, i, own, clock));
  }
}

class StoredReadModels final : public AnsweringModels {
 public:
  using AnsweringModels::AnsweringModels;
  void add(std::unique_ptr<HostedModel> model) { models_.push_back(std::move(model)); }

  Expected<void> close() override {
    models_.clear();
    return {};
  }
  Expected<void> flush() override { return {}; }
  std::vector<ModelStatus> status() const override {
    std::vector<ModelStatus> all;
    for (const auto& model : models_) all.push_back(model->status());
    return all;
  }
  Position applied() const override {
    return lowest([](const HostedModel&) { return true; });
  }
  bool wait_for(Position position, std::chrono::milliseconds) const override { return applied() >= position; }
  Position applied_by(std::span<const std::string_view> models) const override {
    return lowest([&](const HostedModel& model) { return is_one_of(model, models); });
  }
  bool wait_for(Position position, std::chrono::milliseconds, std::span<const std::string_view> models) const override {
    return applied_by(models) >= position;
  }

 protected:
  const HostedModel* model(std::string_view name) const override {
    for (const auto& model : models_) {
      if (model->name() == name) return model.get();
    }
    return nullptr;
  }

 private:
  template <class Wanted>
  Position lowest(Wanted wanted) const {
    std::optional<Position> lowest;
    for (const auto& model : models_) {
      if (!wanted(*model)) continue;
      const Position checkpoint = model->status().checkpoint;
      lowest = std::min(lowest.value_or(checkpoint), checkpoint);
    }
    return lowest.value_or(Position{});
  }

  std::vector<std::unique_ptr<HostedModel>> models_;
};

}  // namespace

Expected<std::unique_ptr<ReadModels>> ReadModels::open(const std::filesystem::path& directory,
                                                       const eventlog::LogSource& log,
                                                       const ReadModelsOptions& options) {
  auto lock = DirectoryLock::acquire(directory);
  if (!lock) return std::unexpected(lock.error());
  HostOptions host{options.overlay_bytes_max, options.map_bytes_initial,
                   options.boot_id.empty() ? machine_boot_id() : options.boot_id, std::nullopt};
  std::vector<std::unique_ptr<HostedModel>> opened;
  for (const std::string& name : model_names()) {
    host.overlay_bytes_max = name == "snapshots" ? options.states_bytes_max : options.overlay_bytes_max;
    auto model = HostedModel::open(directory, name, log, host);
    if (!model) return std::unexpected(model.error());
    opened.push_back(std::move(*model));
  }
  return std::make_unique<LiveReadModels>(log, std::move(*lock), std::move(opened), options);
}

Expected<std::unique_ptr<ReadModels>> ReadModels::open_read_only(const std::filesystem::path& directory,
                                                                 const eventlog::LogSource* log) {
  auto models = std::make_unique<StoredReadModels>(log);
  for (const std::string& name : model_names()) {
    auto model = HostedModel::open_read_only(directory, name, log);
    if (!model) return std::unexpected(model.error());
    models->add(std::move(*model));
  }
  return models;
}

}  // namespace vigil::projections
