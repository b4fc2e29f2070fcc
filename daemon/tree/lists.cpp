#include "daemon/tree/lists.h"

#include <deque>
#include <map>
#include <mutex>
#include <utility>

namespace chancery::tree {

struct Lists::State {
  explicit State(const ListLimits& given) : limits(given) {}

  const ListLimits limits;
  mutable std::mutex mutex;
  std::map<std::string, std::size_t> held;  // bytes, by account
  std::size_t held_in_all = 0;
  // By account; the first of each is with the workers.
  std::map<std::string, std::deque<std::function<void()>>> turns;
};

Lists::Lists(const ListLimits& limits) : state_(std::make_shared<State>(limits)) {}

void Lists::in_turn(const std::string& account, const Post& post, std::function<void()> work) {
  const std::lock_guard lock(state_->mutex);
  auto& turns = state_->turns[account];
  turns.push_back(std::move(work));
  if (turns.size() > 1) return;
  try {
    post([state = state_, account, post] { run_next(state, account, post); });
  } catch (...) {  // or whatever the account asks for later would wait for this one
    turns.pop_back();
    throw;
  }
}

// Each is posted anew, so that what others have asked for meanwhile comes before the next one.
void Lists::run_next(const std::shared_ptr<State>& state, const std::string& account, const Post& post) {
  while (true) {
    std::function<void()> work;
    {
      const std::lock_guard lock(state->mutex);
      work = std::move(state->turns.at(account).front());
    }
    work();
    {
      const std::lock_guard lock(state->mutex);
      const auto turns = state->turns.find(account);
      turns->second.pop_front();
      if (turns->second.empty()) {
        state->turns.erase(turns);
        return;
      }
    }
    try {
      return post([state, account, post] { run_next(state, account, post); });
    } catch (const std::exception&) {
      continue;  // without memory to post it: here, or the account would wait for ever
    }
  }
}

bool Lists::has_room(const std::string& account) const {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->held.find(account);
  const std::size_t held = found == state_->held.end() ? 0 : found->second;
  const ListLimits& limits = state_->limits;
  return held < limits.always || (held < limits.of_account && state_->held_in_all < limits.in_all);
}

std::shared_ptr<void> Lists::hold(const std::string& account, std::size_t bytes) {
  auto release = [state = state_, account, bytes](void*) {
    const std::lock_guard lock(state->mutex);
    state->held.at(account) -= bytes;
    state->held_in_all -= bytes;
  };
  {
    const std::lock_guard lock(state_->mutex);
    state_->held[account] += bytes;
    state_->held_in_all += bytes;
  }
  return {nullptr, std::move(release)};
}

}  // namespace chancery::tree
