// From the cells of a row to a command, as an InputMap says.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/byte_arena.h"
#include "commands/command.h"
#include "commands/input_map.h"
#include "commands/transaction_form.h"

namespace vigil::commands {

// Not thread-safe. The map must outlive it.
class RowMapping {
 public:
  // For rows whose cells have these names. Error `invalid` when the map names a column there is not; `file`
  // names the input in it.
  static eventlog::Expected<RowMapping> bind(const InputMap& map, std::span<const std::string> columns,
                                             const std::string& file);

  // The command of a row, in `out.body`. Its texts are views of `cells`, of the map, or in `arena`.
  void read(std::span<const std::string_view> cells, ByteArena& arena, CommandBody& out);
  // What the row says of its transaction, when that is to be reported.
  std::optional<eventlog::LabelKind> label(std::span<const std::string_view> cells) const;

 private:
  struct Bound {
    const FieldSource* source;
    std::size_t column;  // kConstant for a constant
    std::size_t field;   // TransactionField, or the index in the customer's or merchant's own list below
  };
  static constexpr std::size_t kConstant = ~std::size_t{0};

  explicit RowMapping(const InputMap& map) : map_(&map) {}
  std::string_view value(const Bound& bound, std::span<const std::string_view> cells, ByteArena& arena) const;
  void set_time(const FieldSource& source, std::string_view value);
  void read_transaction(std::span<const std::string_view> cells, ByteArena& arena, CommandBody& out);
  void read_customer(std::span<const std::string_view> cells, ByteArena& arena, CommandBody& out);
  void read_merchant(std::span<const std::string_view> cells, ByteArena& arena, CommandBody& out);
  std::string_view named(std::string_view field, std::span<const std::string_view> cells, ByteArena& arena) const;

  const InputMap* map_;
  std::vector<Bound> bound_;
  std::size_t label_column_ = kConstant;
  TransactionForm form_;
  Objections objections_;
};

}  // namespace vigil::commands
