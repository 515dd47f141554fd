// The write state's image in pieces: those of the decision state, then the indexes, cool-downs and rates.
#include "commands/write_state.h"

namespace vigil::commands {

using eventlog::Expected;
using eventlog::Placed;

namespace {

// The first byte of every piece; the decision state has those before. Stored: changing them asks for another
// kStateVersion (state_image.h).
enum Part : std::size_t {
  kTransactions = rules::DecisionState::kParts,
  kLabels,
  kCustomers,
  kMerchants,
  kQuarantines,
  kCooldown,
  kRates,
  kPartsEnd,
};

}  // namespace

std::size_t WriteState::part_of(std::string_view piece) {
  return piece.empty() ? std::size_t{kPartsEnd} : static_cast<std::uint8_t>(piece.front());
}

bool WriteState::save(SavedSoFar& saved, std::size_t bytes, eventlog::Piece& piece) const {
  if (decision_->save(saved.decision, bytes, piece)) return true;
  if (saved.part < kTransactions) saved.part = kTransactions;
  for (; saved.part < kPartsEnd; ++saved.part, saved.shard = 0) {
    piece.put(static_cast<std::uint8_t>(saved.part));
    const std::size_t begin = piece.size();
    const bool more = save_part(saved, bytes, piece);
    if (more || piece.size() > begin) {
      if (!more) ++saved.part, saved.shard = 0;
      return true;
    }
    piece.clear();
  }
  return false;
}

// False when the part has nothing more to save.
bool WriteState::save_part(SavedSoFar& saved, std::size_t bytes, eventlog::Piece& piece) const {
  const std::size_t begin = piece.size();
  const auto save_shards = [&](const auto& table) {
    while (saved.shard < table.kShards && piece.size() - begin < bytes) table.save(saved.shard++, piece);
    return saved.shard < table.kShards;
  };
  switch (saved.part) {
    case kTransactions: return transactions_.save(saved.transactions, bytes, piece);
    case kLabels: return save_shards(labels_);
    case kCustomers: return save_shards(customers_);
    case kMerchants: return save_shards(merchants_);
    case kQuarantines: return save_shards(quarantines_);
    case kCooldown: return save_shards(cooldown_);
    case kRates: rates_.save(piece); return false;
    default: return false;
  }
}

Expected<std::unique_ptr<WriteState>> WriteState::before_pieces(const eventlog::LogSource& log,
                                                                std::uint64_t undurable_bytes_max,
                                                                std::span<const Placed> activations, Placed begun) {
  auto state = std::make_unique<WriteState>();
  state->undurable_bytes_max_ = undurable_bytes_max;
  for (const Placed at : activations) {
    auto record = log.at(at.address);
    if (!record) return std::unexpected(record.error());
    if (auto applied = state->apply(*record); !applied) return std::unexpected(applied.error());
  }
  state->newest_ = begun;
  if (state->catalogues_.empty()) return state;
  auto made = state->make_decision_state(state->catalogue()->text(), state->features_version(), state->lateness_);
  if (!made) return std::unexpected(made.error());
  return state;
}

bool WriteState::restore(std::string_view bytes) {
  const std::size_t part = part_of(bytes);
  if (part < rules::DecisionState::kParts) return decision_->restore(bytes);
  eventlog::ValueReader piece(bytes);
  piece.take<std::uint8_t>();
  // What an index took in after the image was begun comes with the events behind it.
  switch (part) {
    case kTransactions: return transactions_.restore(piece, newest_.address);
    case kLabels: return labels_.restore(piece, newest_.address);
    case kCustomers: return customers_.restore(piece, newest_.address);
    case kMerchants: return merchants_.restore(piece, newest_.address);
    case kQuarantines: return quarantines_.restore(piece, newest_.address);
    case kCooldown: return cooldown_.restore(piece);
    case kRates: return rates_.restore(piece);
    default: return false;
  }
}

bool WriteState::keeps_enough() const {
  return decision_ && lateness_.us() <= decision_lateness_us_ && catalogue()->sha256() == decision_catalogue_->sha256();
}

}  // namespace vigil::commands
