// A hostile disk: what is not synced may be lost, torn, garbled or reordered when the power goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tests/simulation/random.h"

namespace vigil::simulation {

inline constexpr std::uint64_t kSectorBytes = 512;  // what a disk writes whole or not at all
inline constexpr std::uint64_t kFileBytesMax = 8ull << 20;

// Zero-filled memory of a fixed address that costs nothing until it is touched.
class Region {
 public:
  Region();
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  std::byte* bytes() const { return bytes_; }

 private:
  std::byte* bytes_;
};

// A file's contents twice: as the page cache shows them, and as the disk holds them. They differ in `unsynced`.
struct Inode {
  struct Range {
    std::uint64_t begin, end;
  };
  Region cache, disk;
  std::uint64_t bytes = 0, synced_bytes = 0;
  std::vector<Range> unsynced;  // of sectors; may overlap
  std::vector<Range> lost;      // clean in the cache, but never written: a sync of them failed
  std::uint64_t failures = 0;   // of writing back
  bool touched = false;         // something other than zeros was ever written

  void write(std::uint64_t offset, std::span<const std::byte> what);
  void write_zeros(std::uint64_t offset, std::uint64_t count);
  void sync();
  // What a reader past the cache gets: the cache's bytes where they are unsynced, the disk's everywhere else.
  void read_from_disk(std::uint64_t offset, std::span<std::byte> out) const;
  // What Linux does when writing back fails: the pages count as clean from then on, and the data is not on the disk.
  void lose_unsynced(Random& random);
  // Power is gone: of every unsynced sector the old contents, the new ones, or sometimes neither.
  void cut_power(Random& random);
};

// Not thread-safe: the scheduler lets one thread run at a time. Paths are names in one tree; directories exist
// by being used. Survives the environments (boots) that use it.
class Disk {
 public:
  std::shared_ptr<Inode> find(const std::filesystem::path& path) const;
  std::shared_ptr<Inode> create(const std::filesystem::path& path);
  bool rename(const std::filesystem::path& from, const std::filesystem::path& to);
  bool remove(const std::filesystem::path& path);
  std::vector<std::string> list(const std::filesystem::path& directory) const;
  // Makes the entries of a directory durable.
  void sync_directory(const std::filesystem::path& directory);

  void cut_power(Random& random);
  // Damage at rest, on the disk and in the cache alike: one bit of something other than zeros, in this part of a file.
  // False when there is nothing but zeros.
  bool flip_a_bit(Random& random, const std::filesystem::path& path, std::uint64_t offset, std::uint64_t bytes);

  std::uint64_t allocated() const { return allocated_; }
  std::uint64_t capacity = ~std::uint64_t{0};
  bool allocate(Inode& inode, std::uint64_t bytes);

 private:
  struct Change {
    std::string from, to;  // to alone: created; from alone: removed; both: renamed
    std::shared_ptr<Inode> inode;
  };
  static void apply(std::map<std::string, std::shared_ptr<Inode>>& names, const Change& change);

  std::map<std::string, std::shared_ptr<Inode>> names_, durable_names_;
  std::vector<Change> pending_;  // changes of names that are not durable
  std::uint64_t allocated_ = 0;
};

}  // namespace vigil::simulation
