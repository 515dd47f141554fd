// Model `quarantine`: what could not be accepted, and why. The raw bytes stay in the log.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "projections/answers.h"
#include "projections/projection.h"
#include "projections/stored_value.h"

namespace vigil::projections {

inline constexpr std::size_t kQuarantineReasonsMax = 64;     // kept per input; further ones are in the log
inline constexpr std::size_t kQuarantineTextBytesMax = 255;  // likewise of each text

// Held in its stored form: texts of any number, read as often as written.
struct QuarantineEntry {
  static constexpr std::size_t kStoredBytesMax = 16 + (kQuarantineTextBytesMax + 1) * (1 + 3 * kQuarantineReasonsMax);
  std::string bytes;
  std::size_t store(char* out) const;
  bool load(std::string_view stored) {
    bytes = stored;
    return true;
  }
};

class QuarantineModel final : public Projection {
 public:
  explicit QuarantineModel(const eventlog::LogSource* log);
  std::string_view name() const override { return "quarantine"; }
  std::vector<std::string> databases() const override { return {"quarantine"}; }
  std::uint32_t schema_version() const override { return 1; }
  EventTypes event_types() const override { return types(EventType::transaction_quarantined); }
  void apply(const Event& event) override;

  Expected<std::vector<Quarantined>> quarantine(const ReadTransaction& view, const QuarantineQuery& query) const;

 protected:
  std::uint64_t more_bytes() const override { return text_bytes_; }

 private:
  Table<QuarantineEntry> entries_;
  std::uint64_t text_bytes_ = 0;  // since the last drop
  void drop() override;
};

}  // namespace vigil::projections
