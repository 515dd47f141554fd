#include "eventlog/storage/thread_role.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace vigil::eventlog {
namespace {

// As sched_setattr(2) describes it; the C library has no declaration of it yet.
struct SchedulingAttributes {
  std::uint32_t size = sizeof(SchedulingAttributes);
  std::uint32_t policy = SCHED_OTHER;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime_ns = 0;  // for SCHED_OTHER the wanted time slice (Linux 6.12 and later), 0 the default
  std::uint64_t deadline_ns = 0, period_ns = 0;
};
static_assert(sizeof(SchedulingAttributes) == 48);

constexpr std::uint64_t kShortestSliceNs = 100'000;  // Linux takes no shorter one
constexpr std::int32_t kNicer = 10;

}  // namespace

void take_role(ThreadRole role) {
  SchedulingAttributes wanted;
  if (::syscall(SYS_sched_getattr, 0, &wanted, sizeof wanted, 0) != 0 || wanted.policy != SCHED_OTHER) return;
  wanted.size = sizeof wanted;
  wanted.flags = 0;
  wanted.runtime_ns = role == ThreadRole::prompt ? kShortestSliceNs : 0;
  if (role == ThreadRole::patient) wanted.nice = wanted.nice < kNicer ? kNicer : wanted.nice;
  static_cast<void>(::syscall(SYS_sched_setattr, 0, &wanted, 0));
}

}  // namespace vigil::eventlog
