// An archived segment. Input: what to put right (1 byte), then the file.
#include <algorithm>
#include <vector>

#include "eventlog/storage/archive_file.h"
#include "eventlog/storage/posix_environment.h"
#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/target.h"

namespace vigil::eventlog {
namespace {

using fuzz::require;

constexpr std::size_t kUnpackedMax = 1 << 20;  // forged lengths may ask for all the memory there is
enum Mended : std::uint8_t { kSums = 1, kLengths = 2 };

// Lengths and checksums as the bytes there are would have them.
void repair(std::vector<std::byte>& file, std::uint8_t what) {
  if (file.size() < kArchiveHeaderBytes) return;
  ArchiveHeader header;
  std::memcpy(&header, file.data(), sizeof header);
  const std::uint64_t table_bytes = 25 + 8 * std::uint64_t{header.chunks};
  if ((what & kLengths) != 0) {
    header.archive_bytes = file.size();
    header.table_offset = header.archive_bytes - table_bytes;
  }
  if ((what & kSums) != 0) {
    if (header.table_offset <= file.size()) {
      header.table_crc = crc32c(std::span(file).subspan(header.table_offset));
    }
    header.segment.header_crc = crc32c(checked_bytes(header.segment));
    header.header_crc = crc32c(checked_bytes(header));
  }
  std::memcpy(file.data(), &header, sizeof header);
}

}  // namespace

VIGIL_FUZZ_TARGET(archive) {
  static PosixEnvironment environment;
  static const fuzz::MemoryFile memory;
  fuzz::Taker in(bytes);
  const auto what = in.take<std::uint8_t>();
  std::vector<std::byte> file(in.rest().begin(), in.rest().end());
  repair(file, what);
  memory.write(fuzz::text(file));
  const auto archive = ArchiveFile::open(environment, memory.path());
  if (!archive) {
    require(archive.error().text.starts_with(memory.path()), "a refusal names the file");
    return;
  }
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < (*archive)->chunks().size(); ++i) {
    const ArchiveFile::Chunk& chunk = (*archive)->chunks()[i];
    require(chunk.begin == end && chunk.end >= chunk.begin, "chunks follow each other");
    require(chunk.place + chunk.packed_bytes <= file.size(), "chunks are in the file");
    end = chunk.end;
    if (chunk.begin < chunk.end) require((*archive)->chunk_of(chunk.begin) == i, "a chunk is found by its offset");
    if (chunk.end - chunk.begin > kUnpackedMax) continue;
    std::vector<std::byte> unpacked(chunk.end - chunk.begin);
    const auto done = (*archive)->unpack(i, unpacked);
    require(done || done.error().kind == ErrorKind::damaged, "a chunk that does not unpack is damaged");
  }
  require(end == (*archive)->header().segment.segment_bytes, "chunks fill the segment");
}

}  // namespace vigil::eventlog
