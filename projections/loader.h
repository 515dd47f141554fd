// Reads what a fold does not have in memory from its own store, and remembers when that failed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "projections/store.h"

namespace vigil::projections {

// Belongs to the folding thread. A failure is sticky: folding goes on with wrong values and must be thrown
// away by whoever asks failure() before the next commit. That keeps an error path out of every fold.
class Loader {
 public:
  // `store` must outlive the loader. When it is empty nothing is ever looked up until look_up() is called.
  void attach(const Store& store, bool store_is_empty) {
    store_ = &store;
    empty_ = store_is_empty;
  }
  // From now on values may be in the store only (the overlay was dropped).
  void look_up() { empty_ = false; }

  // Bytes live until release().
  std::optional<std::string_view> get(Database database, std::string_view key) {
    if (empty_) return std::nullopt;
    return get_stored(database, key);
  }
  std::optional<std::pair<std::string_view, std::string_view>> at_or_before(Database database, std::string_view key);
  // Gives up the view of the store; before every commit, so that old pages are freed and the map may grow.
  void release() { view_ = {}; }

  void fail(Error error) {
    if (!failure_) failure_ = std::move(error);
  }
  const std::optional<Error>& failure() const { return failure_; }
  void forget_failure() { failure_.reset(); }

  static Error bad_value(std::string_view key);

 private:
  std::optional<std::string_view> get_stored(Database database, std::string_view key);
  bool begin();

  const Store* store_ = nullptr;
  bool empty_ = true;
  ReadTransaction view_;
  std::optional<Error> failure_;
};

}  // namespace vigil::projections
