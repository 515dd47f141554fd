// Debian's libzmq is built without the thread sanitizer: its own lock-free queues look like races, and what they
// hand from thread to thread looks unordered. Reports with a frame of libzmq are therefore left out; races in our
// own code are not. (A socket used by two threads at once would be missed: each belongs to one object's thread.)
#if defined(__SANITIZE_THREAD__)
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "called_from_lib:libzmq.so\n"
         "race:libzmq.so\n";
}
#endif
