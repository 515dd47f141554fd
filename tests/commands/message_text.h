// Builds the JSON of messages for tests: a good transaction, of which a test changes only what matters.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace vigil::commands::testing {

class TransactionText {
 public:
  // The field's raw JSON; a new field goes to the end.
  TransactionText& with(const std::string& field, const std::string& json) {
    for (auto& [name, value] : fields_) {
      if (name == field) {
        value = json;
        return *this;
      }
    }
    fields_.emplace_back(field, json);
    return *this;
  }
  TransactionText& without(const std::string& field) {
    std::erase_if(fields_, [&](const auto& entry) { return entry.first == field; });
    return *this;
  }
  // Appends a field even when there is one of that name.
  TransactionText& again(const std::string& field, const std::string& json) {
    fields_.emplace_back(field, json);
    return *this;
  }
  std::string json() const {
    std::string out = "{";
    for (const auto& [name, value] : fields_) {
      if (out.size() > 1) out += ",";
      out += "\"" + name + "\":" + value;
    }
    return out + "}";
  }

 private:
  std::vector<std::pair<std::string, std::string>> fields_ = {
      {"transaction_id", "\"t-1\""}, {"event_time", "\"2024-05-01T12:34:56Z\""},
      {"customer_id", "\"c-1\""},    {"merchant_id", "\"m-1\""},
      {"amount", "\"12.34\""},       {"currency", "\"EUR\""},
  };
};

inline std::string submit(const std::string& transaction) {
  return "{\"op\":\"submit\",\"transaction\":" + transaction + "}";
}

}  // namespace vigil::commands::testing
