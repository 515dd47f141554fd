#include "projections/rebuild.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <mutex>
#include <thread>

#include "projections/durable_file.h"
#include "projections/fold.h"

namespace vigil::projections {
namespace {

using eventlog::ErrorKind;
using eventlog::fail;
namespace fs = std::filesystem;

constexpr std::size_t kRebuildBatch = 4096;

// Time an event takes in a model beyond reading and decoding it, in 0.1 µs as measured (docs/read-models.md);
// for sharing the models out.
int weight(std::string_view model) {
  if (model == "customer_profile") return 13;
  if (model == "snapshots") return 7;
  if (model == "aggregates") return 6;
  if (model == "merchant_risk") return 2;
  return 1;
}

// One model on its way to a new generation.
struct Work {
  std::unique_ptr<HostedModel> model;
  RebuiltModel result;
};

// The models of one thread.
struct Share {
  std::vector<Work*> works;
  int weight = 0;
  std::uint64_t events = 0;
  std::optional<Error> error;
};

struct Progress {
  const RebuildOptions& options;
  std::uint64_t total = 0;
  std::mutex guard;
  std::vector<std::uint64_t> done;  // by share

  void report(std::size_t share, std::uint64_t events) {
    const std::scoped_lock held(guard);
    done[share] = events;
    if (options.progress) options.progress(*std::min_element(done.begin(), done.end()), total);
  }
};

// What is in service now, for the comparison; nothing when it cannot be read or has another schema.
void note_old(const fs::path& directory, const std::string& name, const eventlog::LogSource& log,
              const HostOptions& options, RebuiltModel& result) {
  const Generations generations(directory, name);
  auto current = generations.current();
  if (!current || !*current) return;
  const auto projection = make_projection(name, &log);
  const StoreOptions wanted{projection->databases(), options.map_bytes_initial, projection->schema_hash(), log.id()};
  auto store = Store::open(generations.path(**current), wanted, options.boot_id);
  if (!store) return;
  auto meta = (*store)->meta();
  if (!meta || meta->schema_hash == 0 || meta->checkpoint > log.durable()) return;
  result.old_checkpoint = meta->checkpoint;
  result.old_digest = meta->digest.hex();
}

// Where the old models of this share stood, ascending: there the new ones are committed and compared.
std::vector<Position> stops(const Share& share, Position end) {
  std::vector<Position> all = {end};
  for (const Work* work : share.works) {
    if (work->result.old_checkpoint) all.push_back(*work->result.old_checkpoint);
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

Expected<void> parked_error(const HostedModel& model) {
  const ModelStatus status = model.status();
  return fail(ErrorKind::damaged, "rebuilding " + status.name + ": " + status.reason);
}

Expected<void> fold_to(Fold& fold, Share& share, Position stop, const std::function<void(std::uint64_t)>& tell) {
  while (fold.at() < stop) {
    auto applied = fold.apply_batch(kRebuildBatch, stop);
    for (const Work* work : share.works) {
      if (work->model->parked()) return parked_error(*work->model);
    }
    if (!applied) return std::unexpected(applied.error());
    if (*applied == 0) return fail(ErrorKind::damaged, "the log ended before its durable position");
    share.events += *applied;
    tell(share.events);
  }
  return {};
}

Expected<void> compare_at(Share& share, Position stop) {
  for (Work* work : share.works) {
    if (work->result.old_checkpoint != stop) continue;
    if (auto flushed = work->model->flush(); !flushed) return flushed;
    work->result.new_digest_there = work->model->status().digest;
    work->result.equal = work->result.new_digest_there == work->result.old_digest;
  }
  return {};
}

Expected<void> fold_share(const eventlog::LogSource& log, Share& share, Position end,
                          const std::function<void(std::uint64_t)>& tell) {
  const auto began = std::chrono::steady_clock::now();
  std::vector<HostedModel*> models;
  for (const Work* work : share.works) models.push_back(work->model.get());
  auto fold = Fold::begin(log, models);
  if (!fold) return std::unexpected(fold.error());
  for (Position stop : stops(share, end)) {
    if (auto folded = fold_to(*fold, share, stop, tell); !folded) return folded;
    if (auto compared = compare_at(share, stop); !compared) return compared;
  }
  for (Work* work : share.works) {
    if (auto synced = work->model->sync(); !synced) return synced;
    const ModelStatus status = work->model->status();
    work->result.checkpoint = status.checkpoint;
    work->result.digest = status.digest;
    work->result.events = share.events;
    work->result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  }
  return {};
}

// The heaviest models first, each to the share that has least.
std::vector<Share> share_out(std::vector<Work>& works, std::size_t threads) {
  std::vector<Work*> order;
  for (Work& work : works) order.push_back(&work);
  std::stable_sort(order.begin(), order.end(),
                   [](const Work* a, const Work* b) { return weight(a->result.name) > weight(b->result.name); });
  std::vector<Share> shares(std::clamp<std::size_t>(threads, 1, works.size()));
  for (Work* work : order) {
    Share& least = *std::min_element(shares.begin(), shares.end(),
                                     [](const Share& a, const Share& b) { return a.weight < b.weight; });
    least.works.push_back(work);
    least.weight += weight(work->result.name);
  }
  return shares;
}

Expected<void> fold_all(const eventlog::LogSource& log, std::vector<Share>& shares, Position end,
                        const RebuildOptions& options) {
  Progress progress{options, end.value(), {}, std::vector<std::uint64_t>(shares.size())};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    threads.emplace_back([&, i] {
      auto folded = fold_share(log, shares[i], end, [&](std::uint64_t events) { progress.report(i, events); });
      if (!folded) shares[i].error = folded.error();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Share& share : shares) {
    if (share.error) return std::unexpected(*share.error);
  }
  return {};
}

Expected<void> check_names(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto& known = model_names();
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string text = "no read model is called '" + name + "'; there are";
    for (const std::string& other : known) text += " " + other;
    return fail(ErrorKind::invalid, text);
  }
  return {};
}

}  // namespace

Expected<std::vector<RebuiltModel>> rebuild(const fs::path& directory, const eventlog::LogSource& log,
                                            const std::vector<std::string>& models, const RebuildOptions& options) {
  if (auto known = check_names(models); !known) return std::unexpected(known.error());
  auto lock = DirectoryLock::acquire(directory);
  if (!lock) return std::unexpected(lock.error());
  const std::vector<std::string>& names = models.empty() ? model_names() : models;
  HostOptions host;
  host.boot_id = machine_boot_id();
  host.overlay_bytes_max = options.budget_bytes / names.size();
  host.rebuild_until = std::numeric_limits<std::uint64_t>::max();  // it is promoted here, not by itself
  std::vector<Work> works;
  for (const std::string& name : names) {
    Work& work = works.emplace_back();
    work.result.name = name;
    note_old(directory, name, log, host, work.result);
    auto model = HostedModel::open_next(directory, name, log, host);
    if (!model) return std::unexpected(model.error());
    work.model = std::move(*model);
  }
  std::vector<Share> shares = share_out(works, options.threads);
  if (auto folded = fold_all(log, shares, log.durable(), options); !folded) return std::unexpected(folded.error());
  std::vector<RebuiltModel> results;
  for (Work& work : works) {
    if (auto promoted = work.model->promote(); !promoted) return std::unexpected(promoted.error());
    results.push_back(std::move(work.result));
  }
  return results;
}

}  // namespace vigil::projections
