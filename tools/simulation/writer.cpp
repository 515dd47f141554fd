#include "tools/simulation/writer.h"

#include <charconv>

#include "api/time_text.h"

namespace vigil::tools::simulation {
namespace {

void append_number(std::string& out, std::int64_t number) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

// `value` / 10^scale with exactly `scale` decimals.
void append_decimal(std::string& out, std::int64_t value, int scale) {
  if (value < 0) out += '-';
  std::string digits;
  append_number(digits, value < 0 ? -value : value);
  if (static_cast<int>(digits.size()) <= scale)
    digits.insert(0, static_cast<std::size_t>(scale) + 1 - digits.size(), '0');
  out.append(digits, 0, digits.size() - static_cast<std::size_t>(scale));
  if (scale > 0) out.append(".").append(digits, digits.size() - static_cast<std::size_t>(scale));
}

void append_place(std::string& out, eventlog::Place place, const char* separator) {
  append_decimal(out, place.latitude_e7, 7);
  out += separator;
  append_decimal(out, place.longitude_e7, 7);
}

int exponent_of(std::string_view currency) {
  for (const Currency& known : currencies()) {
    if (known.code == currency) return known.exponent;
  }
  return 2;
}

std::string rate_line(const Currency& currency) {
  std::string line = R"({"op":"rate","rate":{"currency":")";
  line.append(currency.code).append(R"(","base":"EUR","rate":")");
  append_decimal(line, currency.rate_e9, 9);
  return line + "\"}}";
}

std::string customer_line(std::uint32_t number, const Customer& customer) {
  std::string line = R"({"op":"customer","customer":{"customer_id":")" + customer_id(number) + R"(","country":")";
  line.append(cities()[customer.home_city].country).append(R"(","segment":")");
  line.append(personas()[customer.persona].name).append(R"(","home":{"latitude":)");
  append_place(line, customer.home, R"(,"longitude":)");
  return line + "}}}";
}

std::string merchant_line(std::uint32_t number, const Merchant& merchant) {
  const Category& category = categories()[merchant.category];
  const City& city = cities()[merchant.city];
  std::string line = R"({"op":"merchant","merchant":{"merchant_id":")" + merchant_id(number) + R"(","display_name":")";
  line.append(category.name).append(" ").append(city.name).append(" ");
  append_number(line, number);
  line.append(R"(","category":")").append(category.name).append(R"(","country":")").append(city.country);
  line += '"';
  if (category.channel != Channel::online) {
    line += R"(,"place":{"latitude":)";
    append_place(line, merchant.place, R"(,"longitude":)");
    line += '}';
  }
  return line + "}}";
}

}  // namespace

void Writer::write_preamble(const std::function<void(std::string_view)>& take) const {
  if (format_ == Format::csv) {
    take(
        "transaction_id,event_time,customer_id,merchant_id,device_id,amount,currency,country,card_country,"
        "category,channel,status,latitude,longitude,fraud,scenario");
    return;
  }
  take(R"({"op":"policy","policy":{"text":"clock = \"stream\"\n"}})");
  for (const Currency& currency : currencies()) take(rate_line(currency));
  const Population& population = stream_.population();
  std::uint32_t number = 0;
  for (const Customer& customer : population.customers()) take(customer_line(number++, customer));
  number = 0;
  for (const Merchant& merchant : population.merchants()) take(merchant_line(number++, merchant));
}

bool Writer::write(std::string& out, const Item& item) const {
  if (const auto* payment = std::get_if<NumberedPayment>(&item)) {
    format_ == Format::csv ? write_csv(out, *payment) : write_payment(out, *payment);
    return true;
  }
  if (format_ == Format::csv) return false;
  write_label(out, std::get<Label>(item));
  return true;
}

void Writer::write_id(std::string& out, std::uint64_t number) const {
  // The seed is part of the id, so that two streams can go into one log.
  out += 'T';
  append_number(out, static_cast<std::int64_t>(stream_.options().seed));
  std::string digits = std::to_string(number);
  out.append("-").append(digits.size() < 7 ? 7 - digits.size() : 0, '0').append(digits);
}

void Writer::write_payment(std::string& out, const NumberedPayment& item) const {
  const Payment& payment = item.payment;
  const Merchant& merchant = stream_.population().merchants()[payment.merchant];
  const City& city = cities()[merchant.city];
  const City& home = cities()[stream_.population().customers()[payment.customer].home_city];
  out += R"({"transaction_id":")";
  write_id(out, item.number);
  out += R"(","event_time":")";
  api::append_time(out, payment.time_us);
  out.append(R"(","customer_id":")").append(customer_id(payment.customer));
  out.append(R"(","merchant_id":")").append(merchant_id(payment.merchant));
  if (payment.device != 0) out.append(R"(","device_id":")").append(device_id(payment.device));
  out += R"(","amount":")";
  append_decimal(out, from_euro_cents(payment.amount_cents, city.currency), exponent_of(city.currency));
  out.append(R"(","currency":")").append(city.currency).append(R"(","country":")").append(city.country);
  out.append(R"(","card_country":")").append(home.country);
  out.append(R"(","category":")").append(categories()[merchant.category].name);
  out.append(R"(","channel":")").append(name(payment.channel));
  out.append(R"(","status":")").append(payment.failed ? "FAILED" : "COMPLETED").append("\"");
  if (payment.channel != Channel::online) {
    out += R"(,"latitude":)";
    append_place(out, merchant.place, R"(,"longitude":)");
  }
  out += '}';
}

void Writer::write_label(std::string& out, const Label& label) const {
  const bool genuine = label.scenario == Scenario::none;
  out += R"({"op":"label","label":{"transaction_id":")";
  write_id(out, label.number);
  out.append(R"(","kind":")").append(genuine ? "genuine" : label.chargeback ? "chargeback" : "fraud");
  out += R"(","reported_at":")";
  api::append_time(out, label.known_at_us);
  out.append(R"(","source":")").append(genuine ? "analyst" : name(label.scenario)).append("\"}}");
}

void Writer::write_csv(std::string& out, const NumberedPayment& item) const {
  const Payment& payment = item.payment;
  const Merchant& merchant = stream_.population().merchants()[payment.merchant];
  const City& city = cities()[merchant.city];
  const City& home = cities()[stream_.population().customers()[payment.customer].home_city];
  write_id(out, item.number);
  out += ',';
  api::append_time(out, payment.time_us);
  out.append(",").append(customer_id(payment.customer)).append(",").append(merchant_id(payment.merchant)).append(",");
  if (payment.device != 0) out += device_id(payment.device);
  out += ',';
  append_decimal(out, from_euro_cents(payment.amount_cents, city.currency), exponent_of(city.currency));
  out.append(",").append(city.currency).append(",").append(city.country).append(",").append(home.country);
  out.append(",").append(categories()[merchant.category].name).append(",").append(name(payment.channel));
  out.append(payment.failed ? ",FAILED," : ",COMPLETED,");
  payment.channel == Channel::online ? void(out += ',') : append_place(out, merchant.place, ",");
  out.append(payment.scenario == Scenario::none ? ",0," : ",1,").append(name(payment.scenario));
}

}  // namespace vigil::tools::simulation
