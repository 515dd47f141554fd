#include "projections/projection.h"

namespace vigil::projections {

std::uint64_t Projection::schema_hash() const {
  std::string text = "digests by XXH3-128\n";
  text += name();
  text += '\n' + std::to_string(schema_version());
  for (const std::string& database : databases()) text += '\n' + database;
  return hash_of(text);
}

void Projection::settle() {
  settle_more();
  for (TableBase* table : tables_) table->take_changes();
}

void Projection::order() {
  for (TableBase* table : tables_) table->order();
}

void Projection::write(WriteTransaction& out) const {
  for (const TableBase* table : tables_) table->write(out);
}

void Projection::committed() {
  for (TableBase* table : tables_) table->committed();
}

void Projection::drop() {
  for (TableBase* table : tables_) table->clear();
  loader_.look_up();
}

std::uint64_t Projection::bytes() const {
  std::uint64_t bytes = more_bytes();
  for (const TableBase* table : tables_) bytes += table->bytes();
  return bytes;
}

std::uint64_t Projection::changes() const {
  std::uint64_t changes = more_changes();
  for (const TableBase* table : tables_) changes += table->changes();
  return changes;
}

}  // namespace vigil::projections
