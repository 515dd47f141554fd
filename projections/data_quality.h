// Model `data_quality`: how good what came was, by the day of stream time it came on.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "projections/answers.h"
#include "projections/projection.h"
#include "projections/stored_value.h"

namespace vigil::projections {

struct QualityEntry {
  static constexpr std::size_t kStoredBytesMax = 8;
  std::uint64_t count = 0;
  std::size_t store(char* out) const { return ValueWriter(out).put(count).bytes(); }
  bool load(std::string_view bytes);
};

// The counters nearly every event touches; the others are counted by name at once.
enum class QualityCounter : std::uint8_t {
  transactions,
  late_1s,  // up to a second behind stream time, and so on
  late_1m,
  late_10m,
  late_1h,
  late_1d,
  late_7d,
  late_more,
  missing_device,
  missing_country,
  missing_card_country,
  missing_category,
  missing_channel,
  missing_place,
  count_,  // how many there are
};
inline constexpr std::size_t kQualityCounters = static_cast<std::size_t>(QualityCounter::count_);

class DataQualityModel final : public Projection {
 public:
  explicit DataQualityModel(const eventlog::LogSource* log);
  std::string_view name() const override { return "data_quality"; }
  std::vector<std::string> databases() const override { return {"counts", "stream"}; }
  std::uint32_t schema_version() const override { return 1; }
  EventTypes event_types() const override {
    return types(EventType::transaction_decided, EventType::label_reported, EventType::transaction_quarantined);
  }
  bool needs_labelled() const override { return true; }
  void apply(const Event& event) override;
  void drop() override;

  Expected<std::vector<QualityCount>> counts(const ReadTransaction& view) const;

 protected:
  void settle_more() override;
  std::uint64_t more_changes() const override { return pending_any_ ? 1 : 0; }

 private:
  void apply_transaction(const eventlog::Transaction& transaction);
  void count(QualityCounter counter);
  void count_named(std::string_view name, std::string_view detail);
  void know_stream_time();
  void advance_to(std::int64_t time_us);

  Table<QualityEntry> counts_;  // key: day (big-endian), name
  Table<QualityEntry> stream_;  // one entry: the newest event time
  bool stream_known_ = false;
  bool stream_began_ = false;  // some transaction was seen
  bool stream_moved_ = false;  // since it was settled last
  std::int64_t stream_time_us_ = 0;
  std::array<std::uint64_t, kQualityCounters> pending_{};  // of the day of stream_time_us_
  bool pending_any_ = false;
};

}  // namespace vigil::projections
