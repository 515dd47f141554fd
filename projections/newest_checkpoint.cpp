#include "projections/newest_checkpoint.h"

#include "projections/generations.h"
#include "projections/read_models.h"
#include "projections/store.h"

namespace vigil::projections {

NewestCheckpoint newest_checkpoint(const std::filesystem::path& directory) {
  NewestCheckpoint newest;
  for (const std::string& model : model_names()) {
    const Generations generations(directory, model);
    const auto generation = generations.current();
    if (!generation || !*generation) continue;
    const auto meta = Store::peek(generations.path(**generation), machine_boot_id());
    if (!meta) continue;
    if (meta->checkpoint > newest.position) newest = {meta->checkpoint, meta->log_id};
  }
  return newest;
}

}  // namespace vigil::projections
