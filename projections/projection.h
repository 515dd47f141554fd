// One read model's fold: what it does with events in memory, and how that reaches its store.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "projections/event.h"
#include "projections/loader.h"
#include "projections/table.h"

namespace vigil::projections {

// Not thread-safe by itself: apply(), settle(), committed() and drop() under the model's exclusive lock; the
// models' query functions under the shared one, with a view taken after the lock. order() and write() need no lock:
// between settle() and committed() they work on an image, while folding goes on.
// Invariants: 1. Folds are total: every event that could be decoded is applied. 2. What is written depends on
// the events up to the checkpoint alone, never on where the commits fell, on time, addresses or machine.
class Projection {
 public:
  explicit Projection(const eventlog::LogSource* log) : log_(log) {}
  virtual ~Projection() = default;
  Projection(const Projection&) = delete;
  Projection& operator=(const Projection&) = delete;

  virtual std::string_view name() const = 0;
  // In the order of their Database numbers.
  virtual std::vector<std::string> databases() const = 0;
  // Raised whenever the stored form or the meaning of the fold changes.
  virtual std::uint32_t schema_version() const = 0;
  std::uint64_t schema_hash() const;  // of the three above

  // The types it folds. Others are passed over undecoded; should they be given to apply(), nothing changes.
  virtual EventTypes event_types() const = 0;
  // Whether it wants to know what a label speaks of.
  virtual bool needs_labelled() const { return false; }
  virtual void apply(const Event& event) = 0;
  // Hints that `event` comes soon: first prefetch(), then, when that had time to work, prefetch_entries().
  virtual void prefetch(const Event&) const {}
  virtual void prefetch_entries(const Event&) const {}
  // Brings everything folded into the tables and takes an image of their changes, for write().
  void settle();
  void order();                             // of the image; before write()
  void write(WriteTransaction& out) const;  // the image; repeatable
  void committed();                         // the image is in the store
  // Drops the overlay. With `changes()` in it, what was folded since the last commit is lost. The image stays.
  virtual void drop();
  std::uint64_t bytes() const;
  std::uint64_t changes() const;

  Loader& loader() { return loader_; }

 protected:
  virtual void settle_more() {}
  virtual std::uint64_t more_bytes() const { return 0; }
  virtual std::uint64_t more_changes() const { return 0; }
  void own(TableBase& table) { tables_.push_back(&table); }

  const eventlog::LogSource* log_;  // null in a read-only process without a log
  Loader loader_;

 private:
  std::vector<TableBase*> tables_;
};

}  // namespace vigil::projections
