// Replies that are written but may not leave yet: a bounded queue in one reusable buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "eventlog/storage/position.h"

namespace vigil::api {

// To whom a reply goes. `request_framing`: an empty frame stands between address and body (REQ sockets).
struct Peer {
  std::string_view address;
  bool request_framing = false;
};

// Not thread-safe. First in, first out; nothing is allocated once the buffers have grown to the load.
// Sequence per reply: begin → write the body → (end_of_head) → finish.
class PendingReplies {
 public:
  // full() is true from `replies_max` replies or `bytes_max` bytes on; the reply that crosses a limit is kept.
  PendingReplies(std::size_t replies_max, std::size_t bytes_max);

  // `besides`: replies that are already promised room but not yet begun.
  bool full(std::size_t besides = 0) const {
    return size_ + besides >= replies_max_ || buffer_.size() - buffer_begin_ >= bytes_max_;
  }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  // The body is appended to the returned string (never shorten it).
  std::string& begin(const Peer& peer);
  std::string& body() { return buffer_; }  // the same string, while a reply is being written
  // What was appended so far also begins the reply that is sent when the outcome stays unknown.
  void end_of_head();
  // The reply may leave when `position` is durable. Call any number of times; the newest counts.
  void needs(eventlog::Position position);
  void finish();

  struct Front {
    Peer peer;
    std::string_view head, body;  // head is the beginning of body
    eventlog::Position position;
  };
  Front front() const;
  void pop();

 private:
  struct Entry {
    std::size_t begin = 0;  // offset in buffer_ of the address, then the body
    std::uint32_t address_bytes = 0, head_bytes = 0, body_bytes = 0;
    bool request_framing = false;
    eventlog::Position position;
  };
  Entry& back() { return ring_[(first_ + size_) & (ring_.size() - 1)]; }
  void grow();

  std::size_t replies_max_, bytes_max_;
  std::vector<Entry> ring_;  // a power of two
  std::size_t first_ = 0, size_ = 0;
  std::string buffer_;
  std::size_t buffer_begin_ = 0;  // bytes before are free
};

}  // namespace vigil::api
