// Bugs planted on purpose, to see that the simulated machine finds them (tests/simulation). A build contains one only
// when it is configured with -DVIGIL_PLANTED_BUG=name; nothing that is shipped is.
#pragma once

namespace vigil::eventlog {

enum class Bug {
  acknowledge_before_sync,
  truncate_at_first_bad_frame,
  skip_directory_sync,
  retry_failed_sync,
  forget_durable_through,
};

constexpr bool planted([[maybe_unused]] Bug bug) {
#ifdef VIGIL_PLANTED_BUG
  return bug == Bug::VIGIL_PLANTED_BUG;
#else
  return false;
#endif
}

}  // namespace vigil::eventlog
