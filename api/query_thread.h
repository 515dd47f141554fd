// Answers queries on a thread of its own, so that a slow one never holds up decisions.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "api/query.h"
#include "api/unread_replies.h"
#include "api/wakeup.h"

namespace vigil::api {

// An asker's address, whether it expects request framing, and a text: the request or its answer.
struct QueryMessage {
  std::string address;
  bool request_framing = false;
  std::string request_id;  // the JSON token, or ""
  std::string text;
  std::shared_ptr<UnsentBytes> unread = {};  // of this peer; may be absent
};

// Thread-safe. Queries that wait for a position are set aside and hold up no other.
class QueryThread {
 public:
  // At most `queries_max` queries are unanswered or not yet taken. `answered` is signalled for each answer.
  QueryThread(const QuerySources& sources, std::size_t queries_max, Wakeup& answered);
  ~QueryThread();  // drops what is unanswered

  // False, and nothing kept, when full.
  bool ask(QueryMessage query);
  // The next answer, if there is one. Its text is empty when the asker had too much unread to get another.
  bool take(QueryMessage& answer);
  // Nothing unanswered, nothing to take.
  bool idle() const;
  // From now on nothing waits for a position any longer, and what has not begun is answered `stopping`.
  void hurry();

 private:
  struct Waiting {
    QueryMessage query;
    Freshness wanted;
    std::chrono::steady_clock::time_point deadline;
  };
  void run();
  void answer(QueryMessage query);
  bool hurried() const;
  void reply(QueryMessage query, std::string text);
  void look_after_waiting(bool hurried);

  const projections::ReadModels& models_;
  Queries queries_;               // the thread's own
  std::vector<Waiting> waiting_;  // likewise
  const std::size_t queries_max_;
  Wakeup& answered_;
  mutable std::mutex mutex_;
  std::condition_variable asked_;
  std::deque<QueryMessage> questions_, answers_;
  std::size_t unfinished_ = 0;  // asked and not yet taken
  bool stopping_ = false, hurried_ = false;
  std::thread thread_;
};

}  // namespace vigil::api
