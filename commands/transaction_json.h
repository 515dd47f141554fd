// One transaction as a JSON object.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "commands/command.h"
#include "commands/json_fields.h"
#include "commands/transaction_form.h"

namespace vigil::commands {

// Not thread-safe; reused from object to object it allocates nothing while there is nothing to object to.
class TransactionJson {
 public:
  TransactionJson() : names_(kTransactionFields) {}

  // Forgets the extra fields of the message before and makes room for those of one of `message_bytes`.
  void begin_message(std::size_t message_bytes);
  // Reads the value ahead into `out`: SubmitTransaction or Unacceptable. Its views live until the next
  // begin_message(). The cursor may have failed afterwards; then `out` means nothing.
  void read(JsonCursor& cursor, CommandBody& out);
  // Whether the object read last has a field "op", as messages have and transactions have not.
  bool has_operation() const { return has_operation_; }

 private:
  void take(TransactionField field, JsonFields& fields);
  void keep_unknown(JsonFields& fields, JsonCursor& cursor);
  std::string_view close_extra();

  FieldNames names_;
  TransactionForm form_;
  std::string extra_;            // the objects of unknown fields, one behind the other
  std::size_t extra_begin_ = 0;  // where that of the transaction at hand begins
  std::vector<std::string_view> unknown_;
  bool has_operation_ = false;
};

}  // namespace vigil::commands
