#include "projections/hosted_model.h"

#include "projections/aggregates.h"
#include "projections/alerts.h"
#include "projections/customer_profile.h"
#include "projections/data_quality.h"
#include "projections/merchant_risk.h"
#include "projections/quarantine.h"
#include "projections/snapshots.h"

namespace vigil::projections {
namespace {

using eventlog::ErrorKind;
using eventlog::fail;

template <class Model>
std::unique_ptr<Projection> make(const eventlog::LogSource* log) {
  return std::make_unique<Model>(log);
}

struct KnownModel {
  std::string_view name;
  std::unique_ptr<Projection> (*make)(const eventlog::LogSource*);
};
constexpr KnownModel kModels[] = {
    {"customer_profile", make<CustomerProfileModel>},
    {"merchant_risk", make<MerchantRiskModel>},
    {"aggregates", make<AggregatesModel>},
    {"snapshots", make<SnapshotsModel>},
    {"alerts", make<AlertsModel>},
    {"quarantine", make<QuarantineModel>},
    {"data_quality", make<DataQualityModel>},
};

// Whether a store that cannot be opened for this reason may be thrown away and made anew from the log.
bool replaceable(const Error& error) {
  return error.kind == ErrorKind::damaged || error.kind == ErrorKind::unsupported_version ||
         error.kind == ErrorKind::invalid;
}

}  // namespace

const std::vector<std::string>& model_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const KnownModel& model : kModels) all.emplace_back(model.name);
    return all;
  }();
  return names;
}

std::unique_ptr<Projection> make_projection(std::string_view name, const eventlog::LogSource* log) {
  for (const KnownModel& model : kModels) {
    if (model.name == name) return model.make(log);
  }
  return nullptr;
}

HostedModel::HostedModel(const std::filesystem::path& models, std::string_view name,
                         std::unique_ptr<Projection> projection)
    : name_(name), generations_(models, name), projection_(std::move(projection)) {}

StoreOptions HostedModel::store_options(const std::string& log_id) const {
  return {projection_->databases(), options_.map_bytes_initial, projection_->schema_hash(), log_id};
}

Expected<void> HostedModel::adopt(std::unique_ptr<Store> store, std::uint64_t generation) {
  auto meta = store->meta();
  if (!meta) return std::unexpected(meta.error());
  projection_->loader().release();
  store_ = std::move(store);
  generation_ = generation;
  meta_ = *meta;
  checkpoint_ = meta->checkpoint.value();
  applied_ = meta->checkpoint.value();
  projection_->loader().attach(*store_, meta->checkpoint == Position{});
  return {};
}

Expected<void> HostedModel::open_new(const eventlog::LogSource& log) {
  auto generation = generations_.begin_next();
  if (!generation) return std::unexpected(generation.error());
  auto store = Store::open(generations_.path(*generation), store_options(log.id()), options_.boot_id);
  if (!store) return std::unexpected(store.error());
  rebuild_until_ = options_.rebuild_until.value_or(log.durable().value());
  state_ = ModelState::rebuilding;
  return adopt(std::move(*store), *generation);
}

Expected<void> HostedModel::open_current(const eventlog::LogSource& log) {
  auto generation = generations_.current();
  if (!generation) return std::unexpected(generation.error());
  if (!*generation) {  // there is no older one to protect: in service from the start, as far as it has come
    if (auto opened = open_new(log); !opened) return opened;
    state_ = ModelState::following;
    if (auto recorded = flush(); !recorded) return recorded;
    return generations_.promote(generation_);
  }
  auto store = Store::open(generations_.path(**generation), store_options(log.id()), options_.boot_id);
  if (!store && !replaceable(store.error())) return std::unexpected(store.error());
  if (!store) {
    reason_ = store.error().text;
    return open_new(log);
  }
  if (auto adopted = adopt(std::move(*store), **generation); !adopted) return adopted;
  if (applied() <= log.durable()) return {};
  return fail(ErrorKind::damaged,
              generations_.directory().string() + ": folded up to position " + std::to_string(applied().value()) +
                  ", but the log ends at " + std::to_string(log.durable().value()) +
                  ": acknowledged events are missing from the log; restore it with `vigil restore`");
}

Expected<std::unique_ptr<HostedModel>> HostedModel::open(const std::filesystem::path& models, std::string_view name,
                                                         const eventlog::LogSource& log, const HostOptions& options) {
  std::unique_ptr<HostedModel> model(new HostedModel(models, name, make_projection(name, &log)));
  model->options_ = options;
  if (auto opened = model->open_current(log); !opened) return std::unexpected(opened.error());
  return model;
}

Expected<std::unique_ptr<HostedModel>> HostedModel::open_next(const std::filesystem::path& models,
                                                              std::string_view name, const eventlog::LogSource& log,
                                                              const HostOptions& options) {
  std::unique_ptr<HostedModel> model(new HostedModel(models, name, make_projection(name, &log)));
  model->options_ = options;
  if (auto opened = model->open_new(log); !opened) return std::unexpected(opened.error());
  return model;
}

Expected<std::unique_ptr<HostedModel>> HostedModel::open_read_only(const std::filesystem::path& models,
                                                                   std::string_view name,
                                                                   const eventlog::LogSource* log) {
  std::unique_ptr<HostedModel> model(new HostedModel(models, name, make_projection(name, log)));
  model->read_only_ = true;
  auto generation = model->generations_.current();
  if (!generation) return std::unexpected(generation.error());
  if (!*generation) {
    return fail(ErrorKind::not_found, model->generations_.directory().string() +
                                          ": no such read model yet; `vigil rebuild` makes it from the log");
  }
  auto store = Store::open_read_only(model->generations_.path(**generation),
                                     model->store_options(log == nullptr ? "" : log->id()));
  if (!store) return std::unexpected(store.error());
  if (auto adopted = model->adopt(std::move(*store), **generation); !adopted) {
    return std::unexpected(adopted.error());
  }
  return model;
}

void HostedModel::apply(const Event& event) {
  if (event.position() <= applied()) return;
  projection_->apply(event);
  applied_.store(event.position().value(), std::memory_order_release);
}

void HostedModel::pass_to(Position position) {
  if (position > applied()) applied_.store(position.value(), std::memory_order_release);
}

void HostedModel::park_locked(const Error& reason, Position before) {
  const std::scoped_lock held(status_guard_);
  reason_ = "parked before position " + std::to_string(before.value()) + ": " + reason.text;
  state_ = ModelState::parked;
  projection_->loader().release();
  projection_->loader().forget_failure();
  projection_->drop();
  applied_ = checkpoint_.load();
}

void HostedModel::park(const Error& reason) {
  if (parked()) return;
  const Position at = next(applied());
  if (!projection_->loader().failure()) (void)flush();  // what stands before the event is sound
  if (parked()) return;
  const auto held = lock();
  park_locked(reason, at);
  projection_->committed();
}

void HostedModel::end_batch() {
  release_view();
  const std::optional<Error> failure = projection_->loader().failure();
  if (failure && !parked()) park_locked(*failure, next(applied()));
}

void HostedModel::after_batch() {
  if (parked()) return;
  if (projection_->bytes() > options_.overlay_bytes_max && !flush()) return;
  if (projection_->bytes() > options_.overlay_bytes_max) {
    const auto held = lock();
    projection_->drop();
  }
  if (state_ == ModelState::rebuilding && applied_ >= rebuild_until_) {
    if (auto promoted = promote(); !promoted) park(promoted.error());
  }
}

bool HostedModel::wants_care() const {
  return parked() || projection_->bytes() > options_.overlay_bytes_max ||
         (state_ == ModelState::rebuilding && applied_ >= rebuild_until_);
}

Expected<void> HostedModel::commit() {
  Position upto;
  {
    const auto held = lock();
    if (parked() || (!dirty() && meta_.schema_hash != 0)) return {};  // a new store gets its meta record
    projection_->settle();
    projection_->loader().release();
    // Settling may have looked values up.
    if (const auto& failure = projection_->loader().failure()) return std::unexpected(*failure);
    upto = applied();
  }
  projection_->order();
  const auto written = store_->write(upto, [&](WriteTransaction& out) { projection_->write(out); });
  auto meta = written ? store_->meta() : std::unexpected(written.error());
  const auto held = lock();
  if (!meta) {
    // What was taken is lost: nothing of this model may be committed any more.
    projection_->loader().fail(meta.error());
    return std::unexpected(meta.error());
  }
  projection_->committed();
  const std::scoped_lock status_held(status_guard_);
  meta_ = *meta;
  checkpoint_ = meta_.checkpoint.value();
  if (parked()) applied_ = checkpoint_.load();  // parked meanwhile: what was on its way was sound
  return {};
}

Expected<void> HostedModel::flush() {
  auto committed = commit();
  if (!committed) park(committed.error());
  return committed;
}

Expected<void> HostedModel::sync() {
  if (auto flushed = flush(); !flushed) return flushed;
  return store_->sync();
}

Expected<void> HostedModel::promote() {
  if (auto synced = sync(); !synced) return synced;
  if (parked()) return {};
  if (auto promoted = generations_.promote(generation_); !promoted) return promoted;
  const std::scoped_lock held(status_guard_);
  reason_.clear();
  state_ = ModelState::following;
  return {};
}

ModelStatus HostedModel::status() const {
  if (read_only_) {
    if (auto meta = store_->meta()) {
      return {name_, ModelState::following, meta->checkpoint, meta->checkpoint, meta->digest.hex(), ""};
    }
  }
  const std::scoped_lock held(status_guard_);
  return {name_, state_, applied(), meta_.checkpoint, meta_.digest.hex(), reason_};
}

}  // namespace vigil::projections
