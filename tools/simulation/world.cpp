#include "tools/simulation/world.h"

namespace vigil::tools::simulation {
namespace {

using eventlog::Place;

constexpr std::array kCities = {
    City{"Berlin", "DE", "EUR", {525200000, 134050000}, 90},
    City{"Paris", "FR", "EUR", {488566000, 23522000}, 100},
    City{"Madrid", "ES", "EUR", {404168000, -37038000}, 70},
    City{"Milano", "IT", "EUR", {454642000, 91900000}, 60},
    City{"Wien", "AT", "EUR", {482082000, 163738000}, 45},
    City{"Amsterdam", "NL", "EUR", {523676000, 49041000}, 50},
    City{"London", "GB", "GBP", {515074000, -1278000}, 80},
    City{"Warszawa", "PL", "PLN", {522297000, 210122000}, 40},
    City{"Stockholm", "SE", "SEK", {593293000, 180686000}, 30},
    City{"Zurich", "CH", "CHF", {473769000, 85417000}, 25},
    City{"Lisboa", "PT", "EUR", {387223000, -91393000}, 30},
    City{"Dublin", "IE", "EUR", {533498000, -62603000}, 20},
    City{"New York", "US", "USD", {407128000, -740060000}, 12},
    City{"Tokyo", "JP", "JPY", {356762000, 1396503000}, 6},
    City{"Singapore", "SG", "SGD", {13521000, 1038198000}, 6},
    City{"Sao Paulo", "BR", "BRL", {-235505000, -466333000}, 6},
};

constexpr std::array kCurrencies = {
    Currency{"GBP", 1'160'000'000, 2}, Currency{"PLN", 234'000'000, 2}, Currency{"SEK", 88'000'000, 2},
    Currency{"CHF", 1'040'000'000, 2}, Currency{"USD", 920'000'000, 2}, Currency{"JPY", 6'100'000, 0},
    Currency{"SGD", 680'000'000, 2},   Currency{"BRL", 170'000'000, 2},
};

constexpr std::array<Category, kCategories> kCategoryTable = {{
    // in the order of Trade
    {"grocery", Channel::pos, 2'900, 58'000, 150},
    {"restaurant", Channel::pos, 2'400, 52'000, 170},
    {"fuel", Channel::pos, 5'200, 30'000, 50},
    {"transport", Channel::pos, 480, 60'000, 40},
    {"pharmacy", Channel::pos, 1'700, 55'000, 60},
    {"fashion", Channel::pos, 5'200, 50'000, 90},
    {"electronics", Channel::pos, 9'500, 58'000, 40},
    {"health", Channel::pos, 5'500, 50'000, 40},
    {"entertainment", Channel::pos, 2'600, 50'000, 70},
    {"cash", Channel::atm, 10'000, 45'000, 40},
    {"online_retail", Channel::online, 3'800, 58'000, 110},
    {"digital_goods", Channel::online, 990, 55'000, 50},
    {"travel", Channel::online, 12'000, 50'000, 40},
    {"utilities", Channel::online, 8'500, 40'000, 30},
    {"gambling", Channel::online, 2'500, 55'000, 20},
}};

// Hours of one day, midnight first.
constexpr std::array<std::uint16_t, 24> kOfficeHours = {1,  0,  0, 0, 0,  1,  6,  14, 16, 8,  8, 14,
                                                        26, 20, 8, 8, 12, 24, 30, 24, 16, 10, 6, 2};
constexpr std::array<std::uint16_t, 24> kDaytime = {0,  0,  0,  0,  0,  0,  2, 8, 18, 28, 32, 28,
                                                    20, 14, 16, 22, 20, 14, 8, 5, 3,  2,  1,  0};
constexpr std::array<std::uint16_t, 24> kEvenings = {16, 10, 6,  3,  1,  0,  0,  2,  4,  8,  10, 12,
                                                     18, 16, 12, 12, 14, 18, 24, 28, 30, 30, 28, 22};
constexpr std::array<std::uint16_t, 24> kNights = {22, 24, 22, 18, 16, 14, 16, 14, 6,  2,  1,  1,
                                                   1,  1,  2,  6,  10, 14, 18, 16, 12, 14, 18, 20};

constexpr std::array kPersonas = {
    Persona{"student", 160, 9, 38'000, 40, false, kEvenings, {26, 24, 2, 16, 4, 8, 3, 1, 14, 6, 14, 14, 2, 3, 3}},
    Persona{"employee", 330, 10, 65'536, 60, true, kOfficeHours, {26, 22, 8, 12, 5, 7, 3, 3, 8, 5, 14, 5, 3, 5, 1}},
    Persona{"parent", 200, 12, 84'000, 30, true, kDaytime, {40, 10, 12, 4, 9, 9, 3, 6, 6, 4, 16, 4, 3, 7, 0}},
    Persona{"retiree", 160, 5, 58'000, 25, false, kDaytime, {40, 12, 6, 4, 16, 5, 2, 9, 4, 10, 4, 1, 3, 6, 0}},
    Persona{"traveller", 60, 14, 150'000, 420, true, kOfficeHours, {12, 34, 8, 18, 4, 6, 4, 2, 8, 6, 10, 4, 14, 4, 1}},
    Persona{"night_worker", 60, 8, 60'000, 20, false, kNights, {28, 20, 12, 8, 5, 4, 3, 3, 6, 8, 14, 8, 2, 4, 4}},
    Persona{"affluent", 30, 14, 260'000, 180, false, kEvenings, {16, 30, 6, 4, 4, 18, 8, 5, 12, 4, 16, 3, 12, 4, 2}},
};

}  // namespace

std::span<const City> cities() { return kCities; }
std::span<const Currency> currencies() { return kCurrencies; }
std::span<const Category> categories() { return kCategoryTable; }
std::span<const Persona> personas() { return kPersonas; }

std::int64_t from_euro_cents(std::int64_t cents, std::string_view currency) {
  for (const Currency& known : kCurrencies) {
    if (known.code != currency) continue;
    const std::int64_t minor_per_major = known.exponent == 0 ? 1 : 100;
    const auto minor = static_cast<__int128>(cents) * 1'000'000'000 * minor_per_major / 100 / known.rate_e9;
    return minor < 1 ? 1 : static_cast<std::int64_t>(minor);
  }
  return cents < 1 ? 1 : cents;
}

std::string_view name(Channel channel) {
  switch (channel) {
    case Channel::pos: return "pos";
    case Channel::online: return "online";
    case Channel::atm: return "atm";
  }
  return "";
}

}  // namespace vigil::tools::simulation
