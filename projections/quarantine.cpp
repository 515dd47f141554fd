#include "projections/quarantine.h"

#include <algorithm>

namespace vigil::projections {
namespace {

std::string key_of(Position position) {
  std::string key;
  append_be64(key, position.value());
  return key;
}

std::string_view cut(std::string_view text) { return text.substr(0, kQuarantineTextBytesMax); }

std::string encode(const eventlog::TransactionQuarantined& event) {
  std::string bytes(QuarantineEntry::kStoredBytesMax, '\0');
  ValueWriter writer(bytes.data());
  const std::size_t reasons = std::min(event.reasons.size(), kQuarantineReasonsMax);
  writer.put(static_cast<std::uint64_t>(event.raw.size())).put(static_cast<std::uint32_t>(reasons));
  writer.put_text(cut(event.source));
  for (std::size_t i = 0; i < reasons; ++i) {
    const eventlog::QuarantineReason& reason = event.reasons[i];
    writer.put_text(cut(reason.code)).put_text(cut(reason.field)).put_text(cut(reason.text));
  }
  return bytes.substr(0, writer.bytes());
}

bool decode(std::string_view bytes, Quarantined& out) {
  ValueReader in(bytes);
  out.raw_bytes = in.take<std::uint64_t>();
  const std::size_t reasons = std::min<std::size_t>(in.take<std::uint32_t>(), kQuarantineReasonsMax);
  out.source = in.take_text();
  for (std::size_t i = 0; i < reasons; ++i) {
    QuarantinedReason reason;
    reason.code = in.take_text();
    reason.field = in.take_text();
    reason.text = in.take_text();
    out.reasons.push_back(std::move(reason));
  }
  return in.ok();
}

bool matches(const QuarantineQuery& query, const Quarantined& quarantined) {
  return !query.code || std::any_of(quarantined.reasons.begin(), quarantined.reasons.end(),
                                    [&](const QuarantinedReason& reason) { return reason.code == *query.code; });
}

}  // namespace

std::size_t QuarantineEntry::store(char* out) const {
  std::memcpy(out, bytes.data(), bytes.size());
  return bytes.size();
}

QuarantineModel::QuarantineModel(const eventlog::LogSource* log) : Projection(log), entries_(&loader_, 0) {
  own(entries_);
}

void QuarantineModel::apply(const Event& event) {
  if (event.quarantined == nullptr) return;
  const std::string key = key_of(event.position());
  QuarantineEntry& entry = entries_.change(key, hash_of(key));
  entry.bytes = encode(*event.quarantined);
  text_bytes_ += entry.bytes.size();
}

void QuarantineModel::drop() {
  text_bytes_ = 0;
  Projection::drop();
}

Expected<std::vector<Quarantined>> QuarantineModel::quarantine(const ReadTransaction& view,
                                                               const QuarantineQuery& query) const {
  std::vector<Quarantined> found;
  if (query.limit == 0) return found;
  bool readable = true;
  auto scanned = entries_.scan(view, key_of(query.since), [&](std::string_view key, const QuarantineEntry& entry) {
    Quarantined quarantined;
    quarantined.position = Position{be64_at(key, 0)};
    readable = decode(entry.bytes, quarantined);
    if (readable && matches(query, quarantined)) found.push_back(std::move(quarantined));
    return readable && found.size() < query.limit;
  });
  if (!scanned) return std::unexpected(scanned.error());
  if (!readable) return std::unexpected(Loader::bad_value(key_of(query.since)));
  return found;
}

}  // namespace vigil::projections
