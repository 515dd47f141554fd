#include "api/wakeup.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "eventlog/storage/invariant.h"

namespace vigil::api {

Wakeup::Wakeup() : file_descriptor_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  eventlog::invariant(file_descriptor_ >= 0, "an eventfd can be made");
}
Wakeup::~Wakeup() { ::close(file_descriptor_); }

// Both calls may find the counter full or empty; either way the flag is then as it should be.
void Wakeup::signal() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(file_descriptor_, &one, sizeof one);
}
void Wakeup::clear() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto read = ::read(file_descriptor_, &count, sizeof count);
}

}  // namespace vigil::api
