// A projection with its store and lock: folded by one thread, asked by any.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>

#include "projections/generations.h"
#include "projections/projection.h"
#include "projections/read_models.h"

namespace vigil::projections {

struct HostOptions {
  std::uint64_t overlay_bytes_max = 64ull << 20;
  std::uint64_t map_bytes_initial = 1ull << 30;
  std::string boot_id;
  // Where a new generation takes its place by itself; what is durable when it is opened, unless said otherwise.
  std::optional<std::uint64_t> rebuild_until;
};

// What a new model of that name folds with; `log` as Projection wants it. Null for an unknown name.
std::unique_ptr<Projection> make_projection(std::string_view name, const eventlog::LogSource* log);

// Threads: what names no other belongs to the folding thread, inside lock() where it says so. commit() belongs to one
// thread, which may be another than the folding one. park(), after_batch(), flush(), sync() and promote() want both at
// rest but for their caller. status(), parked(), dirty(), applied() and read() are thread-safe.
class HostedModel {
 public:
  // The generation in service (a new one when there is none), or, when it cannot be used, one beside it that is
  // filled from position 1 and takes its place once it has folded what is durable now.
  // Errors: io; damaged when the checkpoint is ahead of the log.
  static Expected<std::unique_ptr<HostedModel>> open(const std::filesystem::path& models, std::string_view name,
                                                     const eventlog::LogSource& log, const HostOptions& options);
  // A new generation beside the one in service, whatever that is.
  static Expected<std::unique_ptr<HostedModel>> open_next(const std::filesystem::path& models, std::string_view name,
                                                          const eventlog::LogSource& log, const HostOptions& options);
  static Expected<std::unique_ptr<HostedModel>> open_read_only(const std::filesystem::path& models,
                                                               std::string_view name, const eventlog::LogSource* log);

  // Applies the next event of its types, or nothing when it was folded already. Call lock() around a batch.
  void apply(const Event& event);
  // No event of its types stands between applied() and there.
  void pass_to(Position position);
  const Projection& projection() const { return *projection_; }
  std::unique_lock<std::shared_mutex> lock() { return std::unique_lock(guard_); }
  std::unique_lock<std::shared_mutex> try_lock() { return std::unique_lock(guard_, std::try_to_lock); }
  // Between models, inside lock(): the view of the store goes, so that no batch begins with one in hand and locks
  // are always taken in the same order, the model's before the store's.
  void release_view() { projection_->loader().release(); }
  // Ends a batch, inside lock(): no view, and parked when a look-up failed, before anyone sees what came of it.
  void end_batch();
  // The event after applied() cannot be applied: the model stays where it is.
  void park(const Error& reason);
  // After a batch, outside lock(): commits when the overlay is full, ends a rebuild.
  void after_batch();
  // Inside lock(): whether after_batch() would have anything to do.
  bool wants_care() const;
  // Commits what is folded when it begins, while folding may go on. After an error the model must be parked.
  Expected<void> commit();
  // commit(). An error parks.
  Expected<void> flush();
  // flush(), sync, and the marker withdrawn. The model stays usable.
  Expected<void> sync();
  // sync(), then puts the generation in service.
  Expected<void> promote();
  bool dirty() const { return applied() != Position{checkpoint_.load()}; }

  bool parked() const { return state_.load() == ModelState::parked; }
  bool rebuilding() const { return state_.load() == ModelState::rebuilding; }
  Position applied() const { return Position{applied_.load(std::memory_order_acquire)}; }
  ModelStatus status() const;
  const std::string& name() const { return name_; }
  const Store& store() const { return *store_; }

  // Runs `ask(projection, view)` on a consistent state of overlay and store.
  template <class P, class Ask>
  auto read(Ask ask) const -> decltype(ask(std::declval<const P&>(), std::declval<const ReadTransaction&>())) {
    const std::shared_lock held(guard_);
    auto view = store_->read();
    if (!view) return std::unexpected(view.error());
    return ask(static_cast<const P&>(*projection_), *view);
  }

 private:
  HostedModel(const std::filesystem::path& models, std::string_view name, std::unique_ptr<Projection> projection);
  StoreOptions store_options(const std::string& log_id) const;
  Expected<void> open_current(const eventlog::LogSource& log);
  Expected<void> open_new(const eventlog::LogSource& log);
  Expected<void> adopt(std::unique_ptr<Store> store, std::uint64_t generation);
  void park_locked(const Error& reason, Position before);

  std::string name_;
  Generations generations_;
  HostOptions options_;
  std::unique_ptr<Store> store_;  // outlives the projection, which may hold a view of it
  std::unique_ptr<Projection> projection_;
  std::uint64_t generation_ = 0;
  bool read_only_ = false;

  mutable std::shared_mutex guard_;  // of the projection's memory
  std::atomic<std::uint64_t> applied_{0}, checkpoint_{0};
  std::atomic<ModelState> state_{ModelState::following};
  mutable std::mutex status_guard_;  // of the next two
  std::string reason_;
  StoreMeta meta_;
  std::uint64_t rebuild_until_ = 0;
};

}  // namespace vigil::projections
