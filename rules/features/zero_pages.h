// Zero bytes by the page.
#pragma once

#include <cstddef>
#include <utility>

namespace vigil::rules {

// Memory that reads as zeros and costs none before it is written to: asked of the kernel, since an allocator clears
// what it hands out again. Begins at a page. Movable.
class ZeroPages {
 public:
  explicit ZeroPages(std::size_t bytes);  // throws std::bad_alloc
  ~ZeroPages();
  ZeroPages(ZeroPages&& other) noexcept : begin_(std::exchange(other.begin_, nullptr)), bytes_(other.bytes_) {}
  ZeroPages& operator=(ZeroPages&&) = delete;

  std::byte* begin() const { return begin_; }

 private:
  std::byte* begin_;
  std::size_t bytes_;
};

}  // namespace vigil::rules
