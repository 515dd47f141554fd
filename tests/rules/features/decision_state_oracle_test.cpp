// DecisionState against the plain evaluation of the definitions, on streams built to hurt.
#include <gtest/gtest.h>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "rules/expression/transaction_fields.h"
#include "rules/features/decision_state.h"
#include "tests/rules/features/naive_state.h"

namespace vigil::rules::decision_state_oracle_test {
namespace {

using testing::NaiveState;
using testing::Payment;

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kStartUs = 1'700'000'000 * kSecond;
constexpr std::int64_t kLatenessUs = 3600 * kSecond;

// Every aggregate, for windows whose edges the streams hit: 10 s, 60 s, 10 m, with delays and filters.
std::string hurtful_catalogue(const std::vector<std::string>& entities) {
  std::string toml;
  int number = 0;
  const auto add = [&](const std::string& keys) {
    toml += "[[feature]]\nname = \"f" + std::to_string(number++) + "\"\n" + keys + "\n";
  };
  const std::vector<std::string> windows{"window = \"10s\"", "window = \"60s\"\nexclude_current = true",
                                         "window = \"10m\"\ndelay = \"60s\"", "window = \"10m\"",
                                         "window = \"20s\"\ndelay = \"1h\""};
  const std::vector<std::string> filters{"", "\nfilter = \"amount_base < 500\"", "\nfilter = 'channel == \"online\"'"};
  const std::vector<std::string> fields{"merchant_id", "device_id", "customer_id", "country",
                                        "category",    "channel",   "card_country"};
  for (const std::string& entity : entities) {
    const std::string of = "entity = \"" + entity + "\"\naggregate = ";
    std::size_t turn = 0, field = 0;
    for (const std::string& window : windows) {
      const auto next = [&] { return "\n" + window + filters[turn++ % filters.size()]; };
      for (const std::string aggregate :
           {"count", "sum", "mean", "stddev", "min", "max", "fraud_count", "fraud_rate", "decline_count", "zscore"}) {
        add(of + "\"" + aggregate + "\"" + next());
      }
      for (int i = 0; i < 3; ++i) {
        add(of + "\"distinct\"\nfield = \"" + fields[field++ % fields.size()] + "\"" + next());
      }
      if (entity == "customer") add(of + "\"seen_before\"\nfield = \"merchant_id\"" + next());
      add(of + "\"ratio\"\n" + window + "\nfilter = 'country != card_country'");
    }
    if (entity == "device") continue;
    for (const std::string life : {"seconds_since_last", "distance_km_from_last", "speed_kmh_from_last",
                                   "seconds_since_first_seen", "lifetime_count", "lifetime_mean", "lifetime_zscore"}) {
      add(of + "\"" + life + "\"");
    }
    for (const std::string newest : {"merchant_id", "device_id", "country", "category", "currency"}) {
      add(of + "\"last\"\nfield = \"" + newest + "\"");
    }
  }
  const std::string customer = "entity = \"customer\"\naggregate = ";
  add(customer + "\"distance_km_from_home\"");
  add(customer + "\"lifetime_count\"\nexclude_current = true");
  add(customer + "\"lifetime_mean\"\nexclude_current = true");
  for (const std::string divided : {"sum", "mean", "min", "max", "stddev"}) {
    add(customer + "\"" + divided + "\"\nwindow = \"60s\"\ndivide_by = 100");
  }
  return toml;
}

Catalogue parsed(const std::string& toml) {
  auto catalogue = Catalogue::parse(toml, "test.toml");
  if (!catalogue) throw std::runtime_error(catalogue.error().text);
  return std::move(*catalogue);
}

// How a stream is made.
struct Stream {
  unsigned seed = 1;
  int transactions = 1500;
  int customers = 3, merchants = 3, devices = 4;
  int seconds_per_step = 10;  // event time advances by 0 … this many whole seconds
  int late_percent = 20;
  int label_percent = 30;
};

std::string describe(const Value& value) {
  switch (value.type) {
    case ValueType::null: return "null";
    case ValueType::boolean: return value.truth() ? "true" : "false";
    case ValueType::integer: return std::to_string(value.integer);
    case ValueType::floating: return std::to_string(value.floating);
    case ValueType::text: return std::string(value.text_view());
  }
  return "?";
}

// Drives both states through the same events and compares every value of every transaction.
class Comparison {
 public:
  Comparison(const Catalogue& catalogue, const Stream& stream)
      : catalogue_(catalogue), stream_(stream), random_(stream.seed), state_(catalogue, kLatenessUs) {}

  void run() {
    for (int i = 0; i < stream_.transactions && !::testing::Test::HasFailure(); ++i) {
      step(i);
      if (chance(stream_.label_percent)) label_one();
      if (chance(3)) move_home();
    }
  }
  DecisionState& state() { return state_; }

  // The events once more into another state, with observations at odd moments or none.
  void replay(DecisionState& other, bool observing) {
    std::vector<Value> slots(kTransactionFields), values(catalogue_.size());
    for (std::size_t i = 0; i < events_.size(); ++i) {
      if (observing && i % 5 == 0) observe(other, decided_[i % decided_.size()], slots, values);
      events_[i](other, address_of(i));
    }
  }
  // The events into another state, of which an image is taken meanwhile, a piece between any two events; then that
  // image restored, and the events since it was begun. `from` is the event before which the image is begun.
  std::unique_ptr<DecisionState> restored(std::size_t from, std::size_t piece_bytes, unsigned events_per_piece) {
    DecisionState source(catalogue_, kLatenessUs);
    std::vector<eventlog::Piece> pieces;
    SavedSoFar saved;
    bool more = true;
    std::vector<Value> slots(kTransactionFields), values(catalogue_.size());
    for (std::size_t i = 0; i < events_.size(); ++i) {
      if (i % 7 == 0) observe(source, decided_[i % decided_.size()], slots, values);
      if (i >= from && (i - from) % events_per_piece == 0 && more)
        more = save_piece(source, saved, piece_bytes, pieces);
      events_[i](source, address_of(i));
    }
    while (more) more = save_piece(source, saved, piece_bytes, pieces);
    auto state = std::make_unique<DecisionState>(catalogue_, kLatenessUs);
    state->restore_stream_time(source.stream_time());
    for (const eventlog::Piece& piece : pieces) EXPECT_TRUE(state->restore(piece.view()));
    for (std::size_t i = from; i < events_.size(); ++i) events_[i](*state, address_of(i));
    return state;
  }
  void expect_same(DecisionState& other) {
    EXPECT_EQ(other.digest(), state_.digest());
    for (int i = 0; i < 20; ++i) {
      const Payment next = sample();
      const std::vector<Value> values = values_of(other, next), live = values_of(state_, next);
      for (std::size_t f = 0; f < values.size(); ++f) {
        ASSERT_EQ(describe(values[f]), describe(live[f])) << catalogue_.features()[f].name;
      }
    }
  }
  std::size_t events() const { return events_.size(); }
  Payment sample() { return payment(1 << 20); }
  std::vector<Value> values_of(DecisionState& state, const Payment& payment) {
    std::vector<Value> slots(kTransactionFields), values(catalogue_.size());
    observe(state, payment, slots, values);
    return values;
  }

 private:
  int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }
  bool chance(int percent) { return below(100) < percent; }
  std::string one_of(const std::string& prefix, int count) { return prefix + std::to_string(below(count)); }

  Payment payment(int number) {
    Payment made;
    made.id = "t" + std::to_string(number);
    made.customer = one_of("c", stream_.customers);
    made.merchant = one_of("merchant-with-a-longer-name-", stream_.merchants);
    made.device = chance(20) ? "" : one_of("d", stream_.devices);
    made.category = chance(10) ? "" : one_of("k", 5);
    made.channel = chance(50) ? "online" : "pos";
    made.currency = chance(80) ? "EUR" : "JPY";
    made.country = chance(10) ? "" : chance(50) ? "DE" : "FR";
    made.card_country = chance(50) ? "DE" : "FR";
    // Amounts collide often, so that labels find several candidates.
    made.amount = chance(10) ? std::int64_t{1} << 39 : (1 + below(8)) * 100;
    if (chance(60)) made.place = eventlog::Place{below(900000000), below(1800000000)};
    now_us_ += below(stream_.seconds_per_step + 1) * kSecond;
    // Whole seconds meet window edges exactly; late ones reach back past every window's edge.
    made.time_us = now_us_;
    if (chance(stream_.late_percent)) made.time_us -= below(chance(50) ? 30 : 3600) * kSecond;
    return made;
  }

  void observe(DecisionState& state, const Payment& payment, std::vector<Value>& slots, std::vector<Value>& values) {
    const eventlog::Transaction transaction = payment.view();
    fill_transaction_fields(transaction, payment.amount, slots);
    state.prefetch(transaction);
    state.observe(transaction, payment.amount, slots, values);
  }

  void record(std::function<void(DecisionState&, eventlog::Address)> event) {
    event(state_, address_of(events_.size()));
    events_.push_back(std::move(event));
  }

  static eventlog::Address address_of(std::size_t event) { return eventlog::Address{8 + 8 * event}; }
  static bool save_piece(const DecisionState& state, SavedSoFar& saved, std::size_t bytes,
                         std::vector<eventlog::Piece>& pieces) {
    eventlog::Piece piece;
    if (!state.save(saved, bytes, piece)) return false;
    pieces.push_back(std::move(piece));
    return true;
  }

  void step(int number) {
    Payment next = payment(number);
    compare(next);
    next.declined = chance(20);
    naive_.decided(next);
    decided_.push_back(next);
    record([next](DecisionState& state, eventlog::Address address) {
      eventlog::TransactionDecided event;
      event.transaction = next.view();
      event.amount_base_minor = next.amount;
      event.outcome = next.declined ? eventlog::Outcome::decline : eventlog::Outcome::approve;
      state.apply(event, address);
    });
  }

  void compare(const Payment& current) {
    const std::vector<Value> values = values_of(state_, current);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const Feature& feature = catalogue_.features()[i];
      if (feature.aggregate == Aggregate::expression) continue;
      const Value expected = naive_.value(feature, current);
      ASSERT_TRUE(values[i].is_null() || values[i].type == feature.type) << feature.name;
      const bool same = expected.type == ValueType::text && values[i].type == ValueType::text
                            ? expected.text_view() == values[i].text_view()
                            : expected == values[i];
      ASSERT_TRUE(same) << "seed " << stream_.seed << ", transaction " << current.id << ", line " << feature.place.line
                        << ": got " << describe(values[i]) << ", expected " << describe(expected);
    }
  }

  // A first label, a repeat or a correction of one of the decided transactions.
  void label_one() {
    Payment& known = decided_[static_cast<std::size_t>(below(static_cast<int>(decided_.size())))];
    const bool fraud = chance(60);
    const bool corrects = labelled_.contains(known.id);
    const bool was_fraud = known.fraud;
    labelled_.insert(known.id);
    known.fraud = fraud;
    naive_.labelled(known.id, fraud);
    record([known, fraud, corrects, was_fraud](DecisionState& state, eventlog::Address address) {
      eventlog::LabelReported event;
      event.transaction_id = known.id;
      event.kind = fraud ? eventlog::LabelKind::chargeback : eventlog::LabelKind::genuine;
      event.customer_id = known.customer;
      event.merchant_id = known.merchant;
      event.device_id = known.device;
      event.transaction_time = eventlog::EventTime{known.time_us};
      event.amount_base_minor = known.amount;
      event.corrects = corrects;
      event.corrected_kind = was_fraud ? eventlog::LabelKind::fraud : eventlog::LabelKind::genuine;
      state.apply(event, address);
    });
  }

  void move_home() {
    const std::string customer = one_of("c", stream_.customers);
    std::optional<eventlog::Place> home;
    if (chance(80)) home = eventlog::Place{below(900000000), -below(1800000000)};
    naive_.homed(customer, home);
    record([customer, home](DecisionState& state, eventlog::Address address) {
      eventlog::CustomerUpdated event;
      event.customer_id = customer;
      event.home = home;
      state.apply(event, address);
    });
  }

  const Catalogue& catalogue_;
  Stream stream_;
  std::mt19937 random_;
  DecisionState state_;
  NaiveState naive_;
  std::int64_t now_us_ = kStartUs;
  std::vector<Payment> decided_;
  std::set<std::string> labelled_;
  std::vector<std::function<void(DecisionState&, eventlog::Address)>> events_;
};

const Catalogue& catalogue() {
  static const Catalogue parsed_once = parsed(hurtful_catalogue({"customer", "merchant", "device"}));
  return parsed_once;
}

void expect_agreement(const Stream& stream, const Catalogue& features = catalogue()) {
  Comparison comparison(features, stream);
  comparison.run();
}

TEST(DecisionStateOracle, EveryAggregateAgreesOnEdgesAndLateArrivals) {
  for (unsigned seed = 1; seed <= 5 && !HasFailure(); ++seed) expect_agreement({.seed = seed, .transactions = 500});
}

TEST(DecisionStateOracle, BurstsOfEqualTimesAgree) {
  for (unsigned seed = 11; seed <= 13 && !HasFailure(); ++seed) {
    expect_agreement({.seed = seed, .transactions = 450, .seconds_per_step = 1, .late_percent = 5});
  }
}

TEST(DecisionStateOracle, MostlyLateStreamsAgree) {
  for (unsigned seed = 21; seed <= 23 && !HasFailure(); ++seed) {
    expect_agreement({.seed = seed, .transactions = 450, .seconds_per_step = 3, .late_percent = 80});
  }
}

TEST(DecisionStateOracle, ManyLabelsAndCorrectionsAgree) {
  for (unsigned seed = 31; seed <= 33 && !HasFailure(); ++seed) {
    expect_agreement({.seed = seed, .transactions = 400, .seconds_per_step = 4, .label_percent = 95});
  }
}

// One merchant with more entries than a small ring holds, in windows long enough to be counted, not scanned.
TEST(DecisionStateOracle, AHotMerchantAgrees) {
  const Catalogue of_merchants = parsed(hurtful_catalogue({"merchant"}));
  expect_agreement({.seed = 41,
                    .transactions = 1300,
                    .customers = 300,
                    .merchants = 1,
                    .devices = 50,
                    .seconds_per_step = 1,
                    .late_percent = 15},
                   of_merchants);
}

// Long silences: what expired while nobody looked must not come back.
TEST(DecisionStateOracle, SilencesAgree) {
  for (unsigned seed = 51; seed <= 53 && !HasFailure(); ++seed) {
    expect_agreement({.seed = seed, .transactions = 500, .customers = 6, .seconds_per_step = 2500});
  }
}

TEST(DecisionStateOracle, ReplayedEventsGiveTheSameDigestAndTheSameValues) {
  for (unsigned seed = 61; seed <= 63; ++seed) {
    Comparison comparison(catalogue(), {.seed = seed, .transactions = 600});
    comparison.run();
    for (const bool observing : {false, true}) {
      DecisionState replayed(catalogue(), kLatenessUs);
      comparison.replay(replayed, observing);
      comparison.expect_same(replayed);
    }
  }
}

// Whatever the moment it is begun, the size of its pieces and what happens between them.
TEST(DecisionStateOracle, AnImageAndTheEventsSinceGiveTheSameState) {
  for (unsigned seed = 71; seed <= 76 && !HasFailure(); ++seed) {
    Comparison comparison(catalogue(), {.seed = seed, .transactions = 400, .label_percent = 60});
    comparison.run();
    std::mt19937 random(seed);
    for (int turn = 0; turn < 12 && !HasFailure(); ++turn) {
      const std::size_t from = random() % (comparison.events() + 1);
      const std::size_t piece_bytes = std::size_t{1} << (random() % 16);
      const unsigned events_per_piece = 1 + random() % 40;
      const auto restored = comparison.restored(from, piece_bytes, events_per_piece);
      comparison.expect_same(*restored);
    }
  }
}

TEST(DecisionStateOracle, AnImageOfLongSilencesAndOfAHotMerchantGivesTheSameState) {
  Comparison silent(catalogue(), {.seed = 81, .transactions = 500, .customers = 6, .seconds_per_step = 2500});
  silent.run();
  for (const std::size_t from : {std::size_t{0}, silent.events() / 2}) {
    silent.expect_same(*silent.restored(from, 512, 3));
  }
  const Catalogue of_merchants = parsed(hurtful_catalogue({"merchant"}));
  Comparison hot(of_merchants, {.seed = 82,
                                .transactions = 1300,
                                .customers = 300,
                                .merchants = 1,
                                .devices = 50,
                                .seconds_per_step = 1,
                                .late_percent = 15});
  hot.run();
  for (const std::size_t from : {std::size_t{9}, hot.events() - 40}) hot.expect_same(*hot.restored(from, 4096, 2));
}

// A column that outgrew its width while the image was taken: pieces of both widths are restored.
TEST(DecisionStateOracle, AnImageFromBeforeAndAfterAColumnWasWidenedGivesTheSameState) {
  const Catalogue of_categories = parsed(
      "[[feature]]\nname = \"f\"\nentity = \"customer\"\naggregate = \"distinct\"\nfield = \"category\"\nwindow = "
      "\"1h\"\n");
  constexpr std::size_t kBefore = 50, kEvents = 65'700;  // more categories than two bytes tell apart
  const auto apply = [](DecisionState& state, std::size_t i) {
    Payment payment;
    payment.id = "t" + std::to_string(i);
    payment.customer = "c" + std::to_string(i % kBefore);
    payment.merchant = "m";
    payment.category = "k" + std::to_string(i);
    payment.currency = "EUR";
    payment.amount = 100;
    payment.time_us = kStartUs + static_cast<std::int64_t>(i);
    eventlog::TransactionDecided event;
    event.transaction = payment.view();
    event.amount_base_minor = payment.amount;
    state.apply(event, eventlog::Address{8 + 8 * i});
  };
  DecisionState live(of_categories, kLatenessUs), restored(of_categories, kLatenessUs);
  SavedSoFar saved;
  std::vector<eventlog::Piece> pieces(1);
  for (std::size_t i = 0; i < kEvents; ++i) {
    if (i == kBefore) {
      ASSERT_TRUE(live.save(saved, 1, pieces.back()));  // the first customers, with narrow columns
    }
    apply(live, i);
  }
  for (bool more = true; more;) more = live.save(saved, 1 << 12, pieces.emplace_back());
  pieces.pop_back();
  restored.restore_stream_time(live.stream_time());
  for (const eventlog::Piece& piece : pieces) ASSERT_TRUE(restored.restore(piece.view()));
  for (std::size_t i = kBefore; i < kEvents; ++i) apply(restored, i);
  EXPECT_EQ(restored.digest(), live.digest());
}

}  // namespace
}  // namespace vigil::rules::decision_state_oracle_test
