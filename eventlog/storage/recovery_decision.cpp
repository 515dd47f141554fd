#include "eventlog/storage/recovery_decision.h"

#include "eventlog/storage/invariant.h"
#include "eventlog/storage/planted_bug.h"

namespace vigil::eventlog {

EndDecision decide_end(const EndFacts& facts) {
  if (planted(Bug::truncate_at_first_bad_frame) && facts.behind != Behind::nothing) return EndDecision::cut;
  if (facts.behind == Behind::wrong) return EndDecision::refuse_wrong;
  if (facts.frame_behind) return EndDecision::refuse_frame_behind;
  if (facts.durable_through_reaches && !planted(Bug::forget_durable_through)) {
    return EndDecision::refuse_durable_through;
  }
  if (facts.larger_than_one_commit) return EndDecision::refuse_too_large;
  if (facts.checkpoint_reaches) return EndDecision::refuse_checkpoint_ahead;
  if (facts.marker == MarkerSays::more) return EndDecision::refuse_marker_ahead;
  if (facts.marker == MarkerSays::otherwise) return EndDecision::refuse_marker_differs;
  if (facts.behind == Behind::torn) return EndDecision::cut;
  return facts.marker == MarkerSays::ends_here ? EndDecision::whole_and_clean : EndDecision::whole;
}

std::string_view text(EndDecision refusal) {
  switch (refusal) {
    case EndDecision::refuse_wrong: return "a frame stands where it does not belong";
    case EndDecision::refuse_frame_behind: return "a frame is damaged, and an intact one stands behind it";
    case EndDecision::refuse_durable_through: return "a frame is damaged, and a later one says that it was durable";
    case EndDecision::refuse_too_large: return "more is damaged than one commit can have left";
    case EndDecision::refuse_checkpoint_ahead: return "history is missing that a read model's checkpoint has seen";
    case EndDecision::refuse_marker_ahead: return "history is missing that the clean-shutdown marker has seen";
    case EndDecision::refuse_marker_differs:
      return "the history is not the one that the clean-shutdown marker has seen";
    case EndDecision::whole:
    case EndDecision::whole_and_clean:
    case EndDecision::cut: break;
  }
  broken_invariant("a refusal has a reason", __FILE__, __LINE__);
}

}  // namespace vigil::eventlog
