#include "commands/reply_texts.h"

namespace vigil::commands {

void ReplyTexts::clear() {
  matched_.clear();
  ends_.clear();
  reasons_.clear();
}

void ReplyTexts::keep_matched(std::span<const std::uint16_t> matched) {
  matched_.insert(matched_.end(), matched.begin(), matched.end());
}

std::span<const Reason> ReplyTexts::keep(std::vector<Reason> reasons) {
  return reasons_.emplace_back(std::move(reasons));
}

void ReplyTexts::close_reply() { ends_.push_back(matched_.size()); }

void ReplyTexts::resolve(std::vector<Reply>& replies) const {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    replies[i].matched = std::span(matched_).subspan(begin, ends_[i] - begin);
    begin = ends_[i];
  }
}

}  // namespace vigil::commands
