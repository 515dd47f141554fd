// SIGINT and SIGTERM as a question a loop asks: stop at the next safe point.
#pragma once

namespace vigil::tools {

// From construction to destruction the two signals set a flag instead of ending the process; a second one
// while the first is being answered ends it as usual. One at a time per process.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  bool requested() const;
};

}  // namespace vigil::tools
