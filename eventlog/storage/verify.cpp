#include "eventlog/storage/log.h"
#include "eventlog/storage/recovery.h"

namespace vigil::eventlog {

namespace {

class Verifier {
 public:
  Verifier(Environment& environment, const std::filesystem::path& directory,
           const std::function<void(std::uint64_t, std::uint64_t)>& progress)
      : environment_(environment), directory_(directory), progress_(progress) {}

  Expected<Verification> run() {
    auto headers = read_segment_headers(environment_, directory_);
    if (!headers) return std::unexpected(headers.error());
    if (headers->empty()) {
      return fail(ErrorKind::not_found, directory_.string() + ": no log here; check the path");
    }
    for (const SegmentHeader& header : *headers) bytes_in_all_ += header.segment_bytes;
    ChainState chain = chain_before(headers->front());
    for (std::size_t i = 0; i < headers->size(); ++i) {
      const SegmentHeader* following = i + 1 < headers->size() ? &(*headers)[i + 1] : nullptr;
      if (auto done = check_segment((*headers)[i], following, chain); !done) return std::unexpected(done.error());
    }
    found_.head_hash_hex = hex(chain.hash);
    return found_;
  }

 private:
  // Moves `chain`, which carries time, epoch and hash over from the segment before.
  Expected<void> check_segment(const SegmentHeader& header, const SegmentHeader* following, ChainState& chain) {
    const Segment segment(environment_, directory_, header, kBlockBytes, nullptr);
    if (header.first_position != chain.next_position || header.previous_hash != chain.hash) {
      return std::unexpected(segment.damage(0, chain.next_position, "segment of another history"));
    }
    chain.address = header.base_address + kBlockBytes;
    auto fault = scan_frames(segment, chain, FrameCheck::whole, [&](const Frame& frame, std::uint64_t offset) {
      ++found_.frames;
      found_.records += frame.header.event_count;
      found_.bytes += frame.bytes;
      if (progress_) progress_(bytes_done_ + offset + frame.bytes, bytes_in_all_);
    });
    if (!fault) return std::unexpected(fault.error());
    const Tail tail = inspect_tail(segment, *segment.bytes(), chain.address - header.base_address, *fault);
    if (auto done = check_tail(segment, tail, following, chain); !done) return done;
    ++found_.segments;
    bytes_done_ += header.segment_bytes;
    if (progress_) progress_(bytes_done_, bytes_in_all_);
    return {};
  }

  Expected<void> check_tail(const Segment& segment, const Tail& tail, const SegmentHeader* following,
                            const ChainState& chain) {
    if (following != nullptr) {
      if (chain.address != following->previous_end_address || tail.end != tail.begin) {
        return std::unexpected(segment.damage(tail.begin, chain.next_position, text(tail.fault)));
      }
      return {};
    }
    if (const auto reason = why_not_torn(tail, segment.header())) {
      // A fault that no torn write can leave is its own reason.
      std::string what(text(tail.fault));
      if (*reason != what) what.append(": ").append(*reason);
      return std::unexpected(segment.damage(tail.begin, chain.next_position, what));
    }
    if (tail.end > tail.begin) {
      found_.torn_tail = segment.path().string() + ": " + std::to_string(tail.end - tail.begin) +
                         " bytes at offset " + std::to_string(tail.begin) + ": " + std::string(text(tail.fault)) +
                         "; never acknowledged, or being written now";
    }
    return {};
  }

  Environment& environment_;
  const std::filesystem::path& directory_;
  const std::function<void(std::uint64_t, std::uint64_t)>& progress_;
  std::uint64_t bytes_in_all_ = 0;
  std::uint64_t bytes_done_ = 0;
  Verification found_;
};

}  // namespace

Expected<Verification> verify(Environment& environment, const std::filesystem::path& directory,
                              const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  return Verifier(environment, directory, progress).run();
}

}  // namespace vigil::eventlog
