#include "api/query_thread.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "eventlog/storage/thread_role.h"

namespace vigil::api {
namespace {

// How often a query that waits for a position looks again.
constexpr std::chrono::milliseconds kLookAgain{1};

}  // namespace

QueryThread::QueryThread(const QuerySources& sources, std::size_t queries_max, Wakeup& answered)
    : models_(sources.models), queries_(sources), queries_max_(queries_max), answered_(answered), thread_([this] {
        run();
      }) {}

QueryThread::~QueryThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  asked_.notify_one();
  thread_.join();
}

bool QueryThread::ask(QueryMessage query) {
  {
    const std::lock_guard lock(mutex_);
    if (unfinished_ >= queries_max_) return false;
    ++unfinished_;
    questions_.push_back(std::move(query));
  }
  asked_.notify_one();
  return true;
}

bool QueryThread::take(QueryMessage& answer) {
  const std::lock_guard lock(mutex_);
  if (answers_.empty()) return false;
  answer = std::move(answers_.front());
  answers_.pop_front();
  --unfinished_;
  return true;
}

bool QueryThread::idle() const {
  const std::lock_guard lock(mutex_);
  return unfinished_ == 0;
}

void QueryThread::hurry() {
  {
    const std::lock_guard lock(mutex_);
    hurried_ = true;
  }
  asked_.notify_one();
}

void QueryThread::run() {
  ::pthread_setname_np(::pthread_self(), "query");
  eventlog::take_role(eventlog::ThreadRole::usual);  // a long query is nobody's hurry
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto something_to_do = [this] { return stopping_ || !questions_.empty() || (hurried_ && !waiting_.empty()); };
    if (waiting_.empty()) {
      asked_.wait(lock, something_to_do);
    } else {
      asked_.wait_for(lock, kLookAgain, something_to_do);
    }
    std::deque<QueryMessage> taken = std::exchange(questions_, {});
    lock.unlock();
    for (QueryMessage& query : taken) answer(std::move(query));
    look_after_waiting(hurried());
    lock.lock();
  }
}

bool QueryThread::hurried() const {
  const std::lock_guard lock(mutex_);
  return hurried_;
}

void QueryThread::answer(QueryMessage query) {
  if (hurried()) {
    std::string text = Queries::stopping(query.request_id);
    return reply(std::move(query), std::move(text));
  }
  if (query.unread && query.unread->load(std::memory_order_relaxed) >= UnreadReplies::kBytesPerPeerMax) {
    return reply(std::move(query), "");
  }
  const auto wanted = queries_.freshness(query.text);
  if (wanted && !wanted->reached(models_, std::chrono::milliseconds(0))) {
    const auto deadline = std::chrono::steady_clock::now() + wanted->timeout;
    waiting_.push_back({std::move(query), *wanted, deadline});
    return;
  }
  std::string text = queries_.answer(query.text, query.request_id);
  reply(std::move(query), std::move(text));
}

void QueryThread::look_after_waiting(bool hurried) {
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(waiting_, [&](Waiting& waiting) {
    const bool there = waiting.wanted.reached(models_, std::chrono::milliseconds(0));
    if (!there && !hurried && now < waiting.deadline) return false;
    std::string text = there ? queries_.answer(waiting.query.text, waiting.query.request_id)
                             : queries_.too_late(waiting.query.request_id);
    reply(std::move(waiting.query), std::move(text));
    return true;
  });
}

void QueryThread::reply(QueryMessage query, std::string text) {
  query.text = std::move(text);
  {
    const std::lock_guard lock(mutex_);
    answers_.push_back(std::move(query));
  }
  answered_.signal();
}

}  // namespace vigil::api
