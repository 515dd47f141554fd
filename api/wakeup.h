// A flag another thread (or a signal watcher) raises and a poll loop waits for: an eventfd.
#pragma once

namespace vigil::api {

// Thread-safe. signal() never waits and may be called any number of times before one clear().
class Wakeup {
 public:
  Wakeup();
  ~Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  void signal();
  void clear();
  int file_descriptor() const { return file_descriptor_; }

 private:
  int file_descriptor_;
};

}  // namespace vigil::api
