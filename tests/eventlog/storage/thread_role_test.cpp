#include "eventlog/storage/thread_role.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <thread>

namespace vigil::eventlog {
namespace {

int niceness() { return ::getpriority(PRIO_PROCESS, 0); }  // of the calling thread, on Linux

TEST(ThreadRole, APatientThreadIsNiceAndThatOfOthersStays) {
  const int before = niceness();
  int inside = -1;
  std::thread([&] {
    take_role(ThreadRole::patient);
    inside = niceness();
  }).join();
  EXPECT_GE(inside, 10);
  EXPECT_EQ(niceness(), before);
}

TEST(ThreadRole, APromptOrUsualThreadKeepsItsNicenessAndPolicy) {
  std::thread([] {
    const int before = niceness();
    for (const ThreadRole role : {ThreadRole::prompt, ThreadRole::usual}) {
      take_role(role);
      EXPECT_EQ(niceness(), before);
      EXPECT_EQ(::sched_getscheduler(0), SCHED_OTHER);
    }
  }).join();
}

TEST(ThreadRole, NothingIsChangedOfAThreadUnderAnotherPolicy) {
  std::thread([] {
    const sched_param none{};
    ASSERT_EQ(::sched_setscheduler(0, SCHED_BATCH, &none), 0);
    take_role(ThreadRole::prompt);
    EXPECT_EQ(::sched_getscheduler(0), SCHED_BATCH);
  }).join();
}

}  // namespace
}  // namespace vigil::eventlog
