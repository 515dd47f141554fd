#include "bench/workload.h"

#include <array>
#include <cstdio>

namespace vigil::bench {

namespace {

constexpr std::array kCategories = {"grocery", "fuel", "travel", "restaurant", "electronics", "health", "gaming"};
constexpr std::array kCountries = {"FR", "DE", "ES", "IT", "NL", "BE", "PT"};
constexpr std::array kChannels = {"pos", "online", "atm"};

}  // namespace

// SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, OOPSLA 2014).
std::uint64_t Workload::random() {
  std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

std::uint32_t Workload::below(std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); }

void Workload::append_transaction(std::string& out) {
  const std::uint32_t customer = below(shape_.customers);
  // The product of two uniform numbers favours small ones: popular merchants.
  const auto merchant = static_cast<std::uint32_t>(std::uint64_t{below(shape_.merchants)} * below(1000) / 1000);
  const std::uint32_t home = customer % kCountries.size();
  const bool late = below(1000) < shape_.late_per_mille;
  std::int64_t time_us = shape_.start_us + static_cast<std::int64_t>(number_) * shape_.step_us;
  if (late) time_us -= below(3'600) * std::int64_t{1'000'000};
  const std::uint32_t amount = below(20) == 0 ? 10'000 + below(90'000) : 300 + below(9'000);
  char text[640];
  const int size =
      std::snprintf(text, sizeof text,
                    R"({"transaction_id":"tx-%llx-%010llu","event_time":%lld,"customer_id":"customer-%06u",)"
                    R"("merchant_id":"merchant-%05u","device_id":"device-%06u-%u","amount_minor":%u,"currency":"EUR",)"
                    R"("country":"%s","card_country":"%s","category":"%s","channel":"%s","status":"COMPLETED",)"
                    R"("latitude":%u.%06u,"longitude":%u.%06u})",
                    static_cast<unsigned long long>(shape_.seed), static_cast<unsigned long long>(number_),
                    static_cast<long long>(time_us), customer, merchant, customer, below(20) == 0 ? 1u : 0u, amount,
                    below(50) == 0 ? kCountries[below(kCountries.size())] : kCountries[home], kCountries[home],
                    kCategories[merchant % kCategories.size()], kChannels[below(kChannels.size())], 40 + home,
                    below(1'000'000), 2 + home, below(1'000'000));
  out.append(text, static_cast<std::size_t>(size));
  ++number_;
}

std::string Workload::message(std::uint64_t id, std::size_t count) {
  std::string out = R"({"op":"submit","id":)" + std::to_string(id) + R"(,"transactions":[)";
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) out += ',';
    append_transaction(out);
  }
  out += "]}";
  return out;
}

}  // namespace vigil::bench
