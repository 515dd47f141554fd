// What opening does with the end of a log, decided from facts alone: DESIGN §5 as one table.
#pragma once

#include <string_view>

namespace vigil::eventlog {

// What stands behind the last frame that is intact and follows from the one before.
enum class Behind {
  nothing,  // zeros up to the end of the segment
  torn,     // bytes whose writing is in doubt: a write that did not come to its end may have left them
  wrong,    // bytes that were written whole, but do not belong here: no torn write leaves them
};

// What the clean-shutdown marker of this log says about its end.
enum class MarkerSays {
  nothing,    // there is none, it is damaged, or it is another log's
  less,       // it has seen less than the log holds: left over from an earlier stop
  ends_here,  // the log was closed in order at exactly this frame
  more,       // it has seen a later position
  otherwise,  // it has seen this position, but with another hash or at another address
};

struct EndFacts {
  Behind behind = Behind::nothing;
  bool frame_behind = false;             // an intact frame of this log stands further on
  bool durable_through_reaches = false;  // a header of this log says that what is damaged was durable
  bool larger_than_one_commit = false;   // more would be cut than one commit can have left
  bool checkpoint_reaches = false;       // a read model has seen a position that would be missing
  MarkerSays marker = MarkerSays::nothing;
};

enum class EndDecision {
  whole,            // nothing stands behind the end, and nobody has seen more
  whole_and_clean,  // and the writer before closed it in order
  cut,              // a commit that was never acknowledged: zero it, sync, say so
  refuse_wrong,     // damaged history; the frame's fault is the reason
  refuse_frame_behind,
  refuse_durable_through,
  refuse_too_large,
  refuse_checkpoint_ahead,  // missing history
  refuse_marker_ahead,
  refuse_marker_differs,  // another history
};

// The first row that fits decides; a dash is "whatever". Nothing is cut that anything says was acknowledged. Asked of
// the last segment alone: what is wrong in one that has a successor is never a torn tail (segment_chain.h,
// verify_segment.h).
//
//   behind  intact frame  durable  more than   checkpoint  marker     decision
//           behind        through  one commit  reaches
//   wrong   –             –        –           –           –          refuse_wrong
//   –       yes           –        –           –           –          refuse_frame_behind
//   –       no            reaches  –           –           –          refuse_durable_through
//   –       no            no       yes         –           –          refuse_too_large
//   –       no            no       no          yes         –          refuse_checkpoint_ahead
//   –       no            no       no          no          more       refuse_marker_ahead
//   –       no            no       no          no          otherwise  refuse_marker_differs
//   torn    no            no       no          no          –          cut
//   zero    no            no       no          no          ends here  whole_and_clean
//   zero    no            no       no          no          –          whole
EndDecision decide_end(const EndFacts& facts);

constexpr bool refuses(EndDecision decision) { return decision >= EndDecision::refuse_wrong; }

// Why, for the operator; requires a refusal. A frame that is wrong is its own reason, see FrameFault.
std::string_view text(EndDecision refusal);

}  // namespace vigil::eventlog
