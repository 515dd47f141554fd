#include "api/pending_replies.h"

#include <algorithm>

#include "eventlog/storage/invariant.h"

namespace vigil::api {
namespace {

// Freed bytes at the front of the buffer are reclaimed when they are at least this many and the greater half,
// so that moving costs less than one byte per byte written.
constexpr std::size_t kReclaimBytesMin = 256 << 10;

}  // namespace

PendingReplies::PendingReplies(std::size_t replies_max, std::size_t bytes_max)
    : replies_max_(replies_max), bytes_max_(bytes_max), ring_(64) {}

std::string& PendingReplies::begin(const Peer& peer) {
  if (size_ == ring_.size()) grow();
  Entry& entry = back();
  entry = Entry{};
  entry.begin = buffer_.size();
  entry.address_bytes = static_cast<std::uint32_t>(peer.address.size());
  entry.request_framing = peer.request_framing;
  buffer_.append(peer.address);
  return buffer_;
}

void PendingReplies::end_of_head() {
  Entry& entry = back();
  entry.head_bytes = static_cast<std::uint32_t>(buffer_.size() - entry.begin - entry.address_bytes);
}

void PendingReplies::needs(eventlog::Position position) { back().position = std::max(back().position, position); }

void PendingReplies::finish() {
  Entry& entry = back();
  entry.body_bytes = static_cast<std::uint32_t>(buffer_.size() - entry.begin - entry.address_bytes);
  ++size_;
}

PendingReplies::Front PendingReplies::front() const {
  eventlog::invariant(size_ > 0, "there is a first reply");
  const Entry& entry = ring_[first_];
  const std::string_view all(buffer_);
  const std::string_view body = all.substr(entry.begin + entry.address_bytes, entry.body_bytes);
  return {{all.substr(entry.begin, entry.address_bytes), entry.request_framing},
          body.substr(0, entry.head_bytes),
          body,
          entry.position};
}

void PendingReplies::pop() {
  eventlog::invariant(size_ > 0, "there is a first reply");
  const Entry& entry = ring_[first_];
  buffer_begin_ = entry.begin + entry.address_bytes + entry.body_bytes;
  first_ = (first_ + 1) & (ring_.size() - 1);
  --size_;
  if (buffer_begin_ == buffer_.size()) {
    buffer_.clear();
    buffer_begin_ = 0;
  } else if (buffer_begin_ >= kReclaimBytesMin && buffer_begin_ > buffer_.size() / 2) {
    buffer_.erase(0, buffer_begin_);
    // The entry being written, if any, stands right behind the last finished one.
    for (std::size_t i = 0; i <= size_ && i < ring_.size(); ++i) {
      ring_[(first_ + i) & (ring_.size() - 1)].begin -= buffer_begin_;
    }
    buffer_begin_ = 0;
  }
}

void PendingReplies::grow() {
  std::vector<Entry> larger(ring_.size() * 2);
  for (std::size_t i = 0; i < size_; ++i) larger[i] = ring_[(first_ + i) & (ring_.size() - 1)];
  ring_ = std::move(larger);
  first_ = 0;
}

}  // namespace vigil::api
