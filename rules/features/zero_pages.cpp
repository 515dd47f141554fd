#include "rules/features/zero_pages.h"

#include <sys/mman.h>

#include <new>

namespace vigil::rules {

ZeroPages::ZeroPages(std::size_t bytes) : bytes_(bytes) {
  void* begin = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (begin == MAP_FAILED) throw std::bad_alloc();
  begin_ = static_cast<std::byte*>(begin);
}

ZeroPages::~ZeroPages() {
  if (begin_ != nullptr) ::munmap(begin_, bytes_);
}

}  // namespace vigil::rules
