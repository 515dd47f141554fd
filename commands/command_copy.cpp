#include "commands/command_copy.h"

namespace vigil::commands {
namespace {

class Keeper {
 public:
  explicit Keeper(ByteArena& arena) : arena_(arena) {}

  void operator()(SubmitTransaction& command) {
    eventlog::Transaction& transaction = command.transaction;
    keep(transaction.id, transaction.customer_id, transaction.merchant_id, transaction.device_id, transaction.category,
         transaction.channel, transaction.extra);
  }
  void operator()(ReportLabel& command) { keep(command.transaction_id, command.source); }
  void operator()(UpdateCustomer& command) { keep(command.update.customer_id, command.update.segment); }
  void operator()(UpdateMerchant& command) {
    keep(command.update.merchant_id, command.update.display_name, command.update.category);
  }
  void operator()(UpdateList& command) {
    keep(command.update.list);
    for (std::string_view& entry : command.update.added) keep(entry);
    for (std::string_view& entry : command.update.removed) keep(entry);
  }
  void operator()(UpdateRate&) {}
  void operator()(UpdatePolicy& command) { keep(command.text, command.file); }
  void operator()(ActivateFeatures& command) { keep(command.text, command.file); }
  void operator()(ActivateRules& command) { keep(command.text, command.file); }
  void operator()(Unacceptable& command) {
    keep(command.transaction_id);
    for (Reason& reason : command.reasons) keep(reason.field);
  }

  template <class... Texts>
  void keep(Texts&... texts) {
    ((texts = arena_.copy(texts)), ...);
  }

 private:
  ByteArena& arena_;
};

}  // namespace

void keep_texts(Command& command, ByteArena& arena) {
  Keeper keeper(arena);
  std::visit(keeper, command.body);
  keeper.keep(command.raw, command.source);
}

}  // namespace vigil::commands
