#include "daemon/transfer/taken_manifests.h"

namespace chancery::transfer {

namespace {
constexpr entry::Micros kDay = 24LL * 3'600'000'000;
}

bool TakenManifests::of_the_last_day(const InProgress& one) const { return clock_() - one.since < kDay; }

void TakenManifests::drop_old(Account& account) const {
  while (!account.in_order.empty()) {
    const auto& [name, id] = account.in_order.front();
    const auto found = account.by_name.find(name);
    const bool is_it =
        found != account.by_name.end() && found->second.id == id;  // else a later one has the name
    if (is_it && account.in_order.size() <= kMost && of_the_last_day(found->second)) return;
    if (is_it) account.by_name.erase(found);
    account.in_order.pop_front();
  }
}

void TakenManifests::add(const std::string& user, const std::string& route, InProgress taken) {
  const std::lock_guard lock(mutex_);
  Account& account = accounts_[user];
  const Name name(route, taken.name);
  account.in_order.emplace_back(name, taken.id);
  account.by_name[name] = std::move(taken);
  drop_old(account);
}

std::vector<InProgress> TakenManifests::of(const std::string& user, const std::string& route) const {
  std::vector<InProgress> result;
  const std::lock_guard lock(mutex_);
  const auto account = accounts_.find(user);
  if (account == accounts_.end()) return result;
  const auto& by_name = account->second.by_name;
  for (auto i = by_name.lower_bound({route, {}}); i != by_name.end() && i->first.first == route; ++i)
    if (of_the_last_day(i->second)) result.push_back(i->second);
  return result;
}

std::optional<InProgress> TakenManifests::find(const std::string& user, const std::string& route,
                                               const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto account = accounts_.find(user);
  if (account == accounts_.end()) return std::nullopt;
  const auto found = account->second.by_name.find({route, name});
  if (found == account->second.by_name.end() || !of_the_last_day(found->second)) return std::nullopt;
  return found->second;
}

}  // namespace chancery::transfer
