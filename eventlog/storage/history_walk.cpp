#include "eventlog/storage/history_walk.h"

namespace vigil::eventlog {

Expected<Record> HistoryWalk::here() {
  ++hops_;
  auto record = source_.at(at_);
  if (!record) return record;
  const bool linked = slot_ < record->links.size();
  const Link link = linked ? record->links[slot_] : Link{};
  if (!linked || link.previous >= at_ || link.jump > link.previous) {
    return fail(ErrorKind::damaged, "history: the event at address " + std::to_string(at_.value()) +
                                        " has no valid link in slot " + std::to_string(slot_) +
                                        "; check the log with `vigil verify`");
  }
  return record;
}

Expected<std::optional<Record>> HistoryWalk::next() {
  if (at_ == Address{}) return std::optional<Record>{};
  auto record = here();
  if (!record) return std::unexpected(record.error());
  at_ = record->links[slot_].previous;
  return std::optional<Record>{*record};
}

Expected<void> HistoryWalk::seek(Address address) {
  while (at_ > address) {
    auto record = here();
    if (!record) return std::unexpected(record.error());
    const Link link = record->links[slot_];
    // A jump of 0 leaves the history, a jump before `address` would pass what is sought; both are safe only
    // when there is nothing between, which `previous` finds out.
    at_ = link.jump >= address && link.jump != Address{} ? link.jump : link.previous;
  }
  return {};
}

Expected<std::optional<Record>> newest_at_or_before(const LogSource& source, Address newest, std::size_t slot,
                                                    Address address) {
  HistoryWalk walk(source, newest, slot);
  if (auto found = walk.seek(address); !found) return std::unexpected(found.error());
  return walk.next();
}

}  // namespace vigil::eventlog
