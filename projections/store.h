// One read model's LMDB environment: named databases, transactions, and the meta record committed with them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "eventlog/storage/error.h"
#include "eventlog/storage/position.h"
#include "projections/digest.h"

struct MDB_env;
struct MDB_txn;
struct MDB_cursor;

namespace vigil::projections {

using eventlog::Error;
using eventlog::Expected;
using eventlog::Position;

inline constexpr std::size_t kStoreKeyBytesMax = 511;  // LMDB's limit

// Index into StoreOptions::databases.
using Database = std::size_t;

struct StoreOptions {
  std::vector<std::string> databases;
  std::uint64_t map_bytes_initial = 1ull << 30;
  std::uint64_t schema_hash = 0;  // of this code's model
  std::string log_id;             // of the log that is followed
};

// Committed in the same transaction as the data it speaks of.
struct StoreMeta {
  Position checkpoint;
  std::uint64_t schema_hash = 0;
  std::string log_id;
  Digest digest;
};

// A consistent view. Bytes returned live until the transaction is reset, renewed or destroyed. Movable; one
// thread at a time. While it lives the map of its store cannot grow.
class ReadTransaction {
 public:
  ReadTransaction() = default;
  ReadTransaction(ReadTransaction&& other) noexcept { *this = std::move(other); }
  ReadTransaction& operator=(ReadTransaction&& other) noexcept;
  ~ReadTransaction();

  Expected<std::optional<std::string_view>> get(Database database, std::string_view key) const;
  // Visits entries with from <= key, ascending, until `visit` returns false.
  Expected<void> scan(Database database, std::string_view from,
                      const std::function<bool(std::string_view, std::string_view)>& visit) const;
  // The greatest entry with key <= `key`: its key and value.
  Expected<std::optional<std::pair<std::string_view, std::string_view>>> at_or_before(Database database,
                                                                                      std::string_view key) const;
  explicit operator bool() const { return transaction_ != nullptr; }

 private:
  friend class Store;
  MDB_txn* transaction_ = nullptr;
  const std::vector<unsigned>* handles_ = nullptr;
  const std::string* path_ = nullptr;
  std::shared_lock<std::shared_mutex> map_guard_;
};

// Puts and removals, with the digest kept up to date. Exists only inside Store::write().
class WriteTransaction {
 public:
  // Entries must be given in ascending key order per database for speed, in any order for correctness.
  void put(Database database, std::string_view key, std::string_view value);
  void remove(Database database, std::string_view key);

 private:
  friend class Store;
  struct Cursor {
    MDB_cursor* cursor = nullptr;
    bool empty = false;    // the database has no entry
    std::string last_key;  // no key of the database is greater
  };
  void note(int code, const char* call);
  Cursor& cursor(Database database);

  MDB_txn* transaction_ = nullptr;
  const std::vector<unsigned>* handles_ = nullptr;
  const std::vector<std::string>* names_ = nullptr;
  std::vector<Cursor> cursors_;
  Digest digest_;
  int failed_ = 0;  // the first LMDB code that was not success
  const char* failed_call_ = "";
};

// Thread-safe for reading; write() and sync() belong to one thread. Commits are not synced: call
// sync(). A marker file that names the machine's boot stands from the first commit to the next sync(), so that
// after a power loss the environment is known to be untrustworthy without opening it (LMDB 0.9 has no page
// checksums).
// Invariants: 1. meta().checkpoint says exactly which events the data holds. 2. meta().digest is the digest of
// all entries of all databases but the meta record.
class Store {
 public:
  // Creates or opens for writing. Errors: damaged (also: unsynced at a power loss), unsupported_version
  // (another schema hash), invalid (another log), io. The caller may then discard `directory`.
  static Expected<std::unique_ptr<Store>> open(const std::filesystem::path& directory, const StoreOptions& options,
                                               const std::string& boot_id);
  // Errors as open(); not_found when there is none. A schema or log of its own is not checked when
  // options.log_id is empty.
  static Expected<std::unique_ptr<Store>> open_read_only(const std::filesystem::path& directory,
                                                         const StoreOptions& options);
  // What an environment says of itself, whatever its schema and log. Errors: not_found, io, damaged (also:
  // unsynced at a power loss). Nobody may have it open for writing in this process.
  static Expected<StoreMeta> peek(const std::filesystem::path& directory, const std::string& boot_id);
  ~Store();  // without sync
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  Expected<ReadTransaction> read() const;
  // Runs `body` and commits it with the checkpoint. When the map is full it is doubled and `body` runs again,
  // so `body` must have no effect of its own.
  Expected<void> write(Position checkpoint, const std::function<void(WriteTransaction&)>& body);
  // Makes all commits durable and withdraws the marker; the store stays usable.
  Expected<void> sync();

  // As of the last commit; schema hash 0 when there was none.
  Expected<StoreMeta> meta() const;
  std::uint64_t map_bytes() const;

 private:
  Store() = default;
  static Expected<bool> check_marker(const std::filesystem::path& directory, const std::string& boot_id);
  static Expected<std::unique_ptr<Store>> open_environment(const std::filesystem::path& directory,
                                                           const StoreOptions& options, bool read_only);
  Expected<void> open_databases();
  Expected<void> check_meta() const;
  Expected<void> mark_unsynced();
  Expected<void> grow();
  Error error(int code, std::string_view call) const;
  int attempt(const StoreMeta& base, const std::function<void(WriteTransaction&)>& body, StoreMeta& committed,
              const char*& call);

  std::filesystem::path directory_;
  std::string path_;
  StoreOptions options_;
  std::string boot_id_;
  bool read_only_ = false;
  bool marked_ = false;
  MDB_env* environment_ = nullptr;
  std::vector<unsigned> handles_;  // of options_.databases, then the meta database
  StoreMeta meta_;                 // the writer's
  mutable std::shared_mutex map_;  // shared while a transaction is open, exclusive to grow the map
};

// The machine's boot id ("" when it cannot be read: then every unclean end counts as a power loss).
std::string machine_boot_id();

}  // namespace vigil::projections
