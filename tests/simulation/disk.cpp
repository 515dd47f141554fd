#include "tests/simulation/disk.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "eventlog/storage/invariant.h"

namespace vigil::simulation {

using eventlog::invariant;

namespace {

constexpr std::uint64_t kGarbledPerMille = 60;

// The name without directories, and the directory.
std::string directory_of(const std::string& path) { return std::filesystem::path(path).parent_path().string(); }

}  // namespace

Region::Region() {
  void* memory =
      ::mmap(nullptr, kFileBytesMax, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  invariant(memory != MAP_FAILED, "address space for simulated files");
  bytes_ = static_cast<std::byte*>(memory);
}
Region::~Region() { ::munmap(bytes_, kFileBytesMax); }

void Inode::write(std::uint64_t offset, std::span<const std::byte> what) {
  invariant(offset + what.size() <= kFileBytesMax, "simulated files are small");
  if (what.empty()) return;
  std::memcpy(cache.bytes() + offset, what.data(), what.size());
  touched = true;
  bytes = std::max(bytes, offset + what.size());
  unsynced.push_back({offset / kSectorBytes, (offset + what.size() + kSectorBytes - 1) / kSectorBytes});
}

void Inode::write_zeros(std::uint64_t offset, std::uint64_t count) {
  if (touched) {
    const std::vector<std::byte> zeros(count);
    return write(offset, zeros);
  }
  bytes = std::max(bytes, offset + count);  // they are zeros already
}

void Inode::sync() {
  for (const Range& range : unsynced) {
    const std::uint64_t begin = range.begin * kSectorBytes;
    std::memcpy(disk.bytes() + begin, cache.bytes() + begin, (range.end - range.begin) * kSectorBytes);
  }
  unsynced.clear();
  synced_bytes = bytes;
}

void Inode::read_from_disk(std::uint64_t offset, std::span<std::byte> out) const {
  std::memcpy(out.data(), disk.bytes() + offset, out.size());
  for (const Range& range : unsynced) {
    const std::uint64_t begin = std::max(range.begin * kSectorBytes, offset);
    const std::uint64_t end = std::min(range.end * kSectorBytes, offset + out.size());
    if (begin < end) std::memcpy(out.data() + (begin - offset), cache.bytes() + begin, end - begin);
  }
}

void Inode::lose_unsynced(Random& random) {
  for (const Range& range : unsynced) {
    for (std::uint64_t sector = range.begin; sector < range.end; ++sector) {
      const std::uint64_t at = sector * kSectorBytes;
      if (random.coin()) std::memcpy(disk.bytes() + at, cache.bytes() + at, kSectorBytes);
    }
  }
  lost.insert(lost.end(), unsynced.begin(), unsynced.end());
  unsynced.clear();
  ++failures;
}

void Inode::cut_power(Random& random) {
  const std::uint64_t style = random.below(3);  // all kinds of order, mostly lost, mostly kept
  const std::uint64_t kept = style == 0 ? 500 : style == 1 ? 50 : 950;
  for (const Range& range : unsynced) {
    for (std::uint64_t sector = range.begin; sector < range.end; ++sector) {
      const std::uint64_t at = sector * kSectorBytes;
      if (random.per_mille(kGarbledPerMille)) {
        for (std::uint64_t i = 0; i < kSectorBytes; ++i) disk.bytes()[at + i] = static_cast<std::byte>(random.next());
      } else if (random.per_mille(kept)) {
        std::memcpy(disk.bytes() + at, cache.bytes() + at, kSectorBytes);
      }
    }
  }
  lost.insert(lost.end(), unsynced.begin(), unsynced.end());
  for (const Range& range : lost) {
    const std::uint64_t begin = range.begin * kSectorBytes;
    std::memcpy(cache.bytes() + begin, disk.bytes() + begin, (range.end - range.begin) * kSectorBytes);
  }
  lost.clear();
  unsynced.clear();
  if (bytes != synced_bytes && random.coin()) bytes = synced_bytes;
  synced_bytes = bytes;
}

std::shared_ptr<Inode> Disk::find(const std::filesystem::path& path) const {
  const auto found = names_.find(path.string());
  return found == names_.end() ? nullptr : found->second;
}

void Disk::apply(std::map<std::string, std::shared_ptr<Inode>>& names, const Change& change) {
  if (!change.from.empty()) names.erase(change.from);
  if (!change.to.empty()) names[change.to] = change.inode;
}

std::shared_ptr<Inode> Disk::create(const std::filesystem::path& path) {
  if (auto existing = find(path)) {  // emptied: a new inode stands for that
    static_cast<void>(remove(path));
  }
  Change change{"", path.string(), std::make_shared<Inode>()};
  apply(names_, change);
  pending_.push_back(change);
  return change.inode;
}

bool Disk::rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  auto inode = find(from);
  if (inode == nullptr) return false;
  Change change{from.string(), to.string(), std::move(inode)};
  apply(names_, change);
  pending_.push_back(std::move(change));
  return true;
}

bool Disk::remove(const std::filesystem::path& path) {
  auto inode = find(path);
  if (inode == nullptr) return false;
  allocated_ -= std::min(allocated_, inode->bytes);
  Change change{path.string(), "", nullptr};
  apply(names_, change);
  pending_.push_back(std::move(change));
  return true;
}

std::vector<std::string> Disk::list(const std::filesystem::path& directory) const {
  std::vector<std::string> found;
  for (const auto& [path, inode] : names_) {
    if (directory_of(path) == directory.string()) found.push_back(std::filesystem::path(path).filename().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

void Disk::sync_directory(const std::filesystem::path& directory) {
  std::erase_if(pending_, [&](const Change& change) {
    if (directory_of(change.to.empty() ? change.from : change.to) != directory.string()) return false;
    apply(durable_names_, change);
    return true;
  });
}

void Disk::cut_power(Random& random) {
  for (const Change& change : pending_) {
    if (random.coin()) apply(durable_names_, change);
  }
  pending_.clear();
  names_ = durable_names_;
  allocated_ = 0;
  for (const auto& [path, inode] : names_) {
    inode->cut_power(random);
    allocated_ += inode->bytes;
  }
}

bool Disk::flip_a_bit(Random& random, const std::filesystem::path& path, std::uint64_t offset, std::uint64_t bytes) {
  const auto inode = find(path);
  if (inode == nullptr || !inode->touched || offset >= inode->bytes) return false;
  bytes = std::min(bytes, inode->bytes - offset);
  for (int attempt = 0; attempt < 64; ++attempt) {
    const std::uint64_t at = offset + random.below(bytes);
    if (inode->disk.bytes()[at] == std::byte{0}) continue;
    const auto bit = static_cast<std::byte>(1u << random.below(8));
    inode->disk.bytes()[at] ^= bit;
    inode->cache.bytes()[at] ^= bit;
    return true;
  }
  return false;
}

bool Disk::allocate(Inode& inode, std::uint64_t bytes) {
  const std::uint64_t more = bytes > inode.bytes ? bytes - inode.bytes : 0;
  if (allocated_ + more > capacity) return false;
  allocated_ += more;
  inode.bytes = std::max(inode.bytes, bytes);
  return true;
}

}  // namespace vigil::simulation
