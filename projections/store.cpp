// The only file that knows LMDB.
#include "projections/store.h"

#include <lmdb.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "projections/durable_file.h"

namespace vigil::projections {
namespace {

using eventlog::ErrorKind;
using eventlog::fail;
namespace fs = std::filesystem;

constexpr char kMetaDatabase[] = "meta";
constexpr char kMetaKey[] = "meta";
constexpr char kMarkerFile[] = "unsynced";
constexpr unsigned kReadersMax = 512;
constexpr std::uint64_t kMapBytesMin = 64 << 10;  // LMDB cannot even begin with less

// Stored: never change.
struct MetaRecord {
  std::uint64_t checkpoint;
  std::uint64_t schema_hash;
  std::uint64_t digest[2];
  char log_id[32];
};
static_assert(sizeof(MetaRecord) == 64);

MDB_val value_of(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }
std::string_view view_of(const MDB_val& value) { return {static_cast<const char*>(value.mv_data), value.mv_size}; }

ErrorKind kind_of(int code) {
  switch (code) {
    case ENOENT: return ErrorKind::not_found;
    case ENOSPC: return ErrorKind::full;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_NOTFOUND:  // of a database that must be there
    case MDB_INCOMPATIBLE: return ErrorKind::damaged;
    case MDB_VERSION_MISMATCH: return ErrorKind::unsupported_version;
    default: return ErrorKind::io;
  }
}

Error lmdb_error(const std::string& path, int code, std::string_view call) {
  return {kind_of(code), path + ": " + std::string(call) + ": " + mdb_strerror(code)};
}

MetaRecord to_record(const StoreMeta& meta) {
  MetaRecord record{};
  record.checkpoint = meta.checkpoint.value();
  record.schema_hash = meta.schema_hash;
  record.digest[0] = meta.digest.words[0];
  record.digest[1] = meta.digest.words[1];
  std::memcpy(record.log_id, meta.log_id.data(), std::min(meta.log_id.size(), sizeof record.log_id));
  return record;
}

StoreMeta from_record(const MetaRecord& record) {
  StoreMeta meta{Position{record.checkpoint},
                 record.schema_hash,
                 std::string(record.log_id, sizeof record.log_id),
                 {{record.digest[0], record.digest[1]}}};
  while (!meta.log_id.empty() && meta.log_id.back() == '\0') meta.log_id.pop_back();
  return meta;
}

}  // namespace

ReadTransaction& ReadTransaction::operator=(ReadTransaction&& other) noexcept {
  std::swap(transaction_, other.transaction_);
  std::swap(handles_, other.handles_);
  std::swap(path_, other.path_);
  std::swap(map_guard_, other.map_guard_);
  return *this;
}

ReadTransaction::~ReadTransaction() {
  if (transaction_ != nullptr) mdb_txn_abort(transaction_);
}

Expected<std::optional<std::string_view>> ReadTransaction::get(Database database, std::string_view key) const {
  MDB_val k = value_of(key), v{};
  const int code = mdb_get(transaction_, (*handles_)[database], &k, &v);
  if (code == MDB_NOTFOUND) return std::optional<std::string_view>{};
  if (code != 0) return std::unexpected(lmdb_error(*path_, code, "get"));
  return std::optional{view_of(v)};
}

Expected<void> ReadTransaction::scan(Database database, std::string_view from,
                                     const std::function<bool(std::string_view, std::string_view)>& visit) const {
  MDB_cursor* cursor = nullptr;
  int code = mdb_cursor_open(transaction_, (*handles_)[database], &cursor);
  if (code != 0) return std::unexpected(lmdb_error(*path_, code, "open cursor"));
  MDB_val k = value_of(from), v{};
  code = mdb_cursor_get(cursor, &k, &v, from.empty() ? MDB_FIRST : MDB_SET_RANGE);
  while (code == 0 && visit(view_of(k), view_of(v))) code = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
  mdb_cursor_close(cursor);
  if (code != 0 && code != MDB_NOTFOUND) return std::unexpected(lmdb_error(*path_, code, "scan"));
  return {};
}

Expected<std::optional<std::pair<std::string_view, std::string_view>>> ReadTransaction::at_or_before(
    Database database, std::string_view key) const {
  using Found = std::optional<std::pair<std::string_view, std::string_view>>;
  MDB_cursor* cursor = nullptr;
  int code = mdb_cursor_open(transaction_, (*handles_)[database], &cursor);
  if (code != 0) return std::unexpected(lmdb_error(*path_, code, "open cursor"));
  MDB_val k = value_of(key), v{};
  code = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
  if (code == MDB_NOTFOUND) {
    code = mdb_cursor_get(cursor, &k, &v, MDB_LAST);
  } else if (code == 0 && view_of(k) != key) {
    code = mdb_cursor_get(cursor, &k, &v, MDB_PREV);
  }
  mdb_cursor_close(cursor);
  if (code == MDB_NOTFOUND) return Found{};
  if (code != 0) return std::unexpected(lmdb_error(*path_, code, "find"));
  return Found{{view_of(k), view_of(v)}};
}

void WriteTransaction::note(int code, const char* call) {
  if (code == 0 || failed_ != 0) return;
  failed_ = code;
  failed_call_ = call;
}

WriteTransaction::Cursor& WriteTransaction::cursor(Database database) {
  Cursor& found = cursors_[database];
  if (found.cursor != nullptr || failed_ != 0) return found;
  note(mdb_cursor_open(transaction_, (*handles_)[database], &found.cursor), "open cursor");
  if (failed_ != 0) return found;
  MDB_val k{}, v{};
  const int code = mdb_cursor_get(found.cursor, &k, &v, MDB_LAST);
  found.empty = code == MDB_NOTFOUND;
  if (code == 0) found.last_key = view_of(k);
  if (code != MDB_NOTFOUND) note(code, "find the last key");
  return found;
}

void WriteTransaction::put(Database database, std::string_view key, std::string_view value) {
  Cursor& at = cursor(database);
  if (failed_ != 0) return;
  MDB_val k = value_of(key), v = value_of(value);
  if (at.empty || key > at.last_key) {
    note(mdb_cursor_put(at.cursor, &k, &v, MDB_APPEND), "append");
    at.empty = false;
    at.last_key = key;
    digest_.toggle((*names_)[database], key, value);
    return;
  }
  MDB_val old_key = value_of(key), old{};
  const int code = mdb_cursor_get(at.cursor, &old_key, &old, MDB_SET_KEY);
  if (code != 0 && code != MDB_NOTFOUND) return note(code, "find");
  if (code == 0) {
    if (view_of(old) == value) return;
    digest_.toggle((*names_)[database], key, view_of(old));
  }
  digest_.toggle((*names_)[database], key, value);
  note(mdb_cursor_put(at.cursor, &k, &v, code == 0 ? MDB_CURRENT : 0), "put");
}

void WriteTransaction::remove(Database database, std::string_view key) {
  Cursor& at = cursor(database);
  if (failed_ != 0) return;
  MDB_val k = value_of(key), old{};
  const int code = mdb_cursor_get(at.cursor, &k, &old, MDB_SET_KEY);
  if (code == MDB_NOTFOUND) return;
  if (code != 0) return note(code, "find");
  digest_.toggle((*names_)[database], key, view_of(old));
  note(mdb_cursor_del(at.cursor, 0), "remove");
}

Error Store::error(int code, std::string_view call) const { return lmdb_error(path_, code, call); }

Store::~Store() {
  if (environment_ != nullptr) mdb_env_close(environment_);
}

Expected<std::unique_ptr<Store>> Store::open_environment(const fs::path& directory, const StoreOptions& options,
                                                         bool read_only) {
  std::unique_ptr<Store> store(new Store);
  store->directory_ = directory;
  store->path_ = (directory / "data.mdb").string();
  store->options_ = options;
  store->read_only_ = read_only;
  int code = mdb_env_create(&store->environment_);
  if (code != 0) return std::unexpected(store->error(code, "create environment"));
  mdb_env_set_maxdbs(store->environment_, static_cast<MDB_dbi>(options.databases.size() + 1));
  mdb_env_set_maxreaders(store->environment_, kReadersMax);
  if (!read_only) mdb_env_set_mapsize(store->environment_, std::max(options.map_bytes_initial, kMapBytesMin));
  const unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | (read_only ? MDB_RDONLY : MDB_NOSYNC);
  code = mdb_env_open(store->environment_, directory.c_str(), flags, 0644);
  if (code != 0) return std::unexpected(store->error(code, "open"));
  MDB_envinfo info{};
  MDB_stat stat{};
  mdb_env_info(store->environment_, &info);
  mdb_env_stat(store->environment_, &stat);
  std::error_code size_error;
  const std::uint64_t bytes = fs::file_size(store->path_, size_error);
  // Page numbers 0 and 1 are LMDB's own, so a fresh file has last page 1.
  if (!size_error && bytes < (info.me_last_pgno + 1) * stat.ms_psize) {
    return fail(ErrorKind::damaged, store->path_ + ": shorter than its contents; `vigil rebuild` makes it anew");
  }
  if (auto opened = store->open_databases(); !opened) return std::unexpected(opened.error());
  return store;
}

Expected<void> Store::open_databases() {
  std::vector<std::string> names = options_.databases;
  names.push_back(kMetaDatabase);
  handles_.resize(names.size());
  for (;;) {
    MDB_txn* transaction = nullptr;
    int code = mdb_txn_begin(environment_, nullptr, read_only_ ? MDB_RDONLY : 0, &transaction);
    if (code == MDB_MAP_RESIZED) {
      mdb_env_set_mapsize(environment_, 0);
      continue;
    }
    if (code != 0) return std::unexpected(error(code, "begin"));
    for (std::size_t i = 0; i < names.size() && code == 0; ++i) {
      code = mdb_dbi_open(transaction, names[i].c_str(), read_only_ ? 0 : MDB_CREATE, &handles_[i]);
    }
    if (code == 0) code = mdb_txn_commit(transaction);
    else mdb_txn_abort(transaction);
    if (code == MDB_MAP_FULL) {
      if (auto grown = grow(); !grown) return grown;
      continue;
    }
    if (code != 0) return std::unexpected(error(code, "open databases"));
    return {};
  }
}

Expected<void> Store::check_meta() const {
  auto found = meta();
  if (!found) return std::unexpected(found.error());
  if (found->schema_hash != options_.schema_hash) {
    return fail(ErrorKind::unsupported_version,
                path_ +
                    ": written by another version of Vigil; upgrade this one if it is the older, else make the "
                    "model anew with `vigil rebuild`");
  }
  if (!options_.log_id.empty() && found->log_id != options_.log_id) {
    return fail(ErrorKind::invalid, path_ + ": belongs to the log " + found->log_id + ", not to " + options_.log_id);
  }
  return {};
}

// Whether unsynced commits may stand there; damaged when they are from before the machine's last start.
Expected<bool> Store::check_marker(const fs::path& directory, const std::string& boot_id) {
  auto marker = read_file(directory / kMarkerFile);
  if (!marker) return std::unexpected(marker.error());
  if (*marker && (boot_id.empty() || **marker != boot_id)) {
    return fail(ErrorKind::damaged,
                directory.string() + ": the machine went down before this model was synced; it is made anew");
  }
  return marker->has_value();
}

Expected<StoreMeta> Store::peek(const fs::path& directory, const std::string& boot_id) {
  if (auto marked = check_marker(directory, boot_id); !marked) return std::unexpected(marked.error());
  auto store = open_environment(directory, {}, true);
  if (!store) return std::unexpected(store.error());
  return (*store)->meta();
}

Expected<std::unique_ptr<Store>> Store::open(const fs::path& directory, const StoreOptions& options,
                                             const std::string& boot_id) {
  if (auto made = make_directories(directory); !made) return std::unexpected(made.error());
  auto marked = check_marker(directory, boot_id);
  if (!marked) return std::unexpected(marked.error());
  auto store = open_environment(directory, options, false);
  if (!store) return store;
  (*store)->boot_id_ = boot_id;
  (*store)->marked_ = *marked;
  auto found = (*store)->meta();
  if (!found) return std::unexpected(found.error());
  if (found->schema_hash == 0) {
    *found = {Position{}, options.schema_hash, options.log_id, {}};  // new: the first commit records it
  } else if (auto checked = (*store)->check_meta(); !checked) {
    return std::unexpected(checked.error());
  }
  (*store)->meta_ = *found;
  return store;
}

Expected<std::unique_ptr<Store>> Store::open_read_only(const fs::path& directory, const StoreOptions& options) {
  auto store = open_environment(directory, options, true);
  if (!store) return store;
  if (auto checked = (*store)->check_meta(); !checked) return std::unexpected(checked.error());
  return store;
}

Expected<ReadTransaction> Store::read() const {
  for (;;) {
    ReadTransaction result;
    result.map_guard_ = std::shared_lock(map_);
    const int code = mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &result.transaction_);
    if (code == 0) {
      result.handles_ = &handles_;
      result.path_ = &path_;
      return result;
    }
    result.transaction_ = nullptr;
    if (code != MDB_MAP_RESIZED) return std::unexpected(error(code, "begin reading"));
    result.map_guard_.unlock();
    std::unique_lock alone(map_);  // the writing process has grown the map: follow it
    if (const int set = mdb_env_set_mapsize(environment_, 0); set != 0) return std::unexpected(error(set, "remap"));
  }
}

Expected<StoreMeta> Store::meta() const {
  auto view = read();
  if (!view) return std::unexpected(view.error());
  auto bytes = view->get(options_.databases.size(), kMetaKey);
  if (!bytes) return std::unexpected(bytes.error());
  if (!*bytes) return StoreMeta{};
  if ((*bytes)->size() != sizeof(MetaRecord)) {
    return fail(ErrorKind::damaged, path_ + ": the meta record has a wrong size; `vigil rebuild` makes it anew");
  }
  MetaRecord record;
  std::memcpy(&record, (*bytes)->data(), sizeof record);
  return from_record(record);
}

std::uint64_t Store::map_bytes() const {
  MDB_envinfo info{};
  mdb_env_info(environment_, &info);
  return info.me_mapsize;
}

Expected<void> Store::mark_unsynced() {
  if (marked_) return {};
  auto written = replace_file(directory_ / kMarkerFile, boot_id_);
  marked_ = written.has_value();
  return written;
}

Expected<void> Store::grow() {
  std::unique_lock alone(map_);
  const int code = mdb_env_set_mapsize(environment_, map_bytes() * 2);
  if (code != 0) return std::unexpected(error(code, "grow the map"));
  return {};
}

int Store::attempt(const StoreMeta& base, const std::function<void(WriteTransaction&)>& body, StoreMeta& committed,
                   const char*& call) {
  WriteTransaction write;
  call = "begin";
  if (const int code = mdb_txn_begin(environment_, nullptr, 0, &write.transaction_); code != 0) return code;
  write.handles_ = &handles_;
  write.names_ = &options_.databases;
  write.cursors_.resize(options_.databases.size());
  write.digest_ = base.digest;
  body(write);
  committed = base;
  committed.digest = write.digest_;
  const MetaRecord record = to_record(committed);
  MDB_val k = value_of(kMetaKey), v{sizeof record, const_cast<MetaRecord*>(&record)};
  if (write.failed_ == 0) write.note(mdb_put(write.transaction_, handles_.back(), &k, &v, 0), "put meta");
  call = write.failed_call_;
  if (write.failed_ != 0) {
    mdb_txn_abort(write.transaction_);
    return write.failed_;
  }
  call = "commit";
  return mdb_txn_commit(write.transaction_);
}

Expected<void> Store::write(Position checkpoint, const std::function<void(WriteTransaction&)>& body) {
  if (auto marked = mark_unsynced(); !marked) return marked;
  StoreMeta base = meta_;
  base.checkpoint = checkpoint;
  for (;;) {
    const char* call = "";
    StoreMeta committed;
    const int code = attempt(base, body, committed, call);
    if (code == 0) {
      meta_ = committed;
      return {};
    }
    if (code != MDB_MAP_FULL) return std::unexpected(error(code, call));
    if (auto grown = grow(); !grown) return grown;
  }
}

Expected<void> Store::sync() {
  if (const int code = mdb_env_sync(environment_, 1); code != 0) return std::unexpected(error(code, "sync"));
  marked_ = false;
  return remove_durably(directory_ / kMarkerFile);
}

std::string machine_boot_id() {
  auto text = read_file("/proc/sys/kernel/random/boot_id");
  return text && *text ? **text : std::string();
}

}  // namespace vigil::projections
