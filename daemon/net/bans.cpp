#include "daemon/net/bans.h"

#include <algorithm>

namespace chancery::net {
namespace {

constexpr std::chrono::seconds kPointLasts{10};

}  // namespace

std::optional<Bans::Length> Bans::add(const std::string& source, std::uint32_t points, Time now) {
  forget(now);
  if (points == 0 || banned(source, now)) return std::nullopt;
  const auto found = known_.find(source);
  Source state = found == known_.end() ? Source{now, now, first_, now} : found->second;
  if (found != known_.end()) by_forgetting_.erase({state.forget_at, source});
  state.clear_at = std::max(state.clear_at, now) + points * kPointLasts;
  if (state.until + longest_ <= now) state.next = first_;
  std::optional<Length> ban;
  // A point that is not wholly lost counts.
  if (state.clear_at - now > (kPoints - 1) * kPointLasts) {
    ban = state.next;
    state.until = state.clear_at = now + *ban;
    state.next = std::min(longest_, *ban + *ban / 2);
  }
  state.forget_at = std::max(state.clear_at, state.next == first_ ? now : state.until + longest_);
  if (found == known_.end() && known_.size() >= sources_) forget_first();
  by_forgetting_.emplace(state.forget_at, source);
  known_.insert_or_assign(source, state);
  return ban;
}

bool Bans::banned(const std::string& source, Time now) const {
  const auto found = known_.find(source);
  return found != known_.end() && now < found->second.until;
}

void Bans::forget(Time now) {
  while (!by_forgetting_.empty() && by_forgetting_.begin()->first <= now) forget_first();
}

void Bans::forget_first() {
  known_.erase(by_forgetting_.begin()->second);
  by_forgetting_.erase(by_forgetting_.begin());
}

}  // namespace chancery::net
