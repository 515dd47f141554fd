#include "projections/fold.h"

#include <algorithm>
#include <limits>
#include <span>

namespace vigil::projections {
namespace {

constexpr std::size_t kAhead = 16;     // events decoded before the first of them is applied
constexpr std::size_t kTypeBits = 32;  // of EventTypes

}  // namespace

bool concerns(EventTypes wanted, std::uint16_t type) {
  return type >= kTypeBits || ((wanted | ~kKnownTypes) >> type & 1) != 0;
}

Expected<Fold> Fold::begin(const eventlog::LogSource& log, std::vector<HostedModel*> models) {
  Position lowest{std::numeric_limits<std::uint64_t>::max()};
  for (const HostedModel* model : models) lowest = std::min(lowest, model->applied());
  auto fold = begin_after(log, lowest);
  if (fold) fold->models_ = std::move(models);
  return fold;
}

Expected<Fold> Fold::begin_after(const eventlog::LogSource& log, Position at) {
  Fold fold(log, {});
  fold.at_ = at;
  auto cursor = log.read_from(next(at));
  if (!cursor) return std::unexpected(cursor.error());
  fold.cursor_ = std::move(*cursor);
  return fold;
}

Fold::Fold(const eventlog::LogSource& log, std::vector<HostedModel*> models)
    : models_(std::move(models)), readers_(kAhead, EventReader(log)), ahead_(kAhead) {}

void Fold::insert(std::size_t place, HostedModel& model) {
  models_.insert(models_.begin() + static_cast<std::ptrdiff_t>(place), &model);
  measure_no_more();
}

void Fold::remove(const HostedModel& model) {
  std::erase(models_, &model);
  measure_no_more();
}

void Fold::choose_types() {
  wanted_ = 0;
  labelled_wanted_ = false;
  for (const HostedModel* model : models_) {
    if (model->parked()) continue;
    wanted_ |= model->projection().event_types();
    labelled_wanted_ = labelled_wanted_ || model->projection().needs_labelled();
  }
}

void Fold::read_ahead(std::size_t count, Position until, Batch& batch) {
  batch.decoded = 0;
  while (batch.read < count && batch.decoded < kAhead && at_ < until) {
    auto record = cursor_->next();
    if (!record) batch.unreadable = record.error();
    batch.ended = !record || !*record;
    if (batch.ended) return;
    if (concerns(wanted_, (*record)->type)) {
      EventReader& reader = readers_[batch.decoded];
      auto event = labelled_wanted_ ? reader.read(**record) : reader.read_alone(**record);
      if (!event) {
        batch.undecodable = event.error();
        batch.undecodable_type = (*record)->type;
        batch.ended = true;
        return;
      }
      ahead_[batch.decoded++] = *event;
      for (const HostedModel* model : models_) model->projection().prefetch(**event);
    }
    at_ = (*record)->position;
    ++batch.read;
  }
}

void Fold::apply_to(HostedModel& model, std::size_t decoded) {
  const std::span<const Event* const> events(ahead_.data(), decoded);
  const EventTypes types = model.projection().event_types();
  for (const Event* event : events) model.projection().prefetch_entries(*event);
  for (const Event* event : events) {
    if ((types & bit(event->type)) != 0) model.apply(*event);
  }
  model.pass_to(at_);
  if (models_.size() > 1) model.release_view();  // never two stores' views in one hand
}

void Fold::apply(std::size_t decoded) {
  for (std::size_t i = 0; i < models_.size(); ++i) {
    if (models_[i]->parked()) continue;
    if (spent_.empty()) {
      apply_to(*models_[i], decoded);
      continue;
    }
    const auto began = std::chrono::steady_clock::now();
    apply_to(*models_[i], decoded);
    spent_[i] += std::chrono::steady_clock::now() - began;
  }
}

Fold::Batch Fold::apply_locked(std::size_t count, Position until) {
  Batch batch;
  choose_types();
  while (batch.read < count && at_ < until && !batch.ended) {
    read_ahead(count, until, batch);
    apply(batch.decoded);
  }
  for (HostedModel* model : models_) model->end_batch();
  return batch;
}

Expected<std::size_t> Fold::apply_batch(std::size_t count, Position until) {
  Batch batch;
  {
    std::vector<std::unique_lock<std::shared_mutex>> held;
    for (HostedModel* model : models_) held.push_back(model->lock());
    batch = apply_locked(count, until);
  }
  for (HostedModel* model : models_) {
    if (batch.undecodable) model->park(*batch.undecodable);
    model->after_batch();
  }
  if (batch.unreadable) return std::unexpected(*batch.unreadable);
  if (batch.undecodable) return std::unexpected(*batch.undecodable);
  return batch.read;
}

}  // namespace vigil::projections
