#include "daemon/transfer/underway.h"

#include <algorithm>

namespace chancery::transfer {

namespace {

bool same_account(const Upload& one, const Caller& other) { return one.caller().user == other.user; }

}  // namespace

Underway::Key Underway::key_of(const Upload& upload) {
  return {upload.caller().agency, upload.route(), upload.name()};
}

std::vector<UploadPtr> Underway::add(const UploadPtr& upload) {
  std::vector<UploadPtr> outdated;
  const std::lock_guard lock(mutex_);
  const auto [from, to] = uploads_.equal_range(key_of(*upload));
  for (auto i = from; i != to;) {
    const bool mine = same_account(*i->second, upload->caller());
    if (mine && i->second->phase() != Upload::Phase::open) {
      outdated.push_back(i->second);
      i = uploads_.erase(i);
    } else {
      if (mine) i->second->supersede();
      ++i;
    }
  }
  uploads_.emplace(key_of(*upload), upload);
  return outdated;
}

bool Underway::replace(const UploadPtr& old, const UploadPtr& with) {
  const std::lock_guard lock(mutex_);
  if (std::erase_if(uploads_, [&](const auto& one) { return one.second == old; }) == 0) return false;
  uploads_.emplace(key_of(*with), with);
  return true;
}

bool Underway::remove(const UploadPtr& upload) {
  const std::lock_guard lock(mutex_);
  const auto [from, to] = uploads_.equal_range(key_of(*upload));
  const auto found = std::find_if(from, to, [&](const auto& one) { return one.second == upload; });
  if (found == to) return false;
  uploads_.erase(found);
  return true;
}

UploadPtr Underway::find(const Caller& caller, const std::string& route, const std::string& name,
                         const Chosen& chosen) const {
  UploadPtr found;
  const std::lock_guard lock(mutex_);
  const auto [from, to] = uploads_.equal_range({caller.agency, route, name});
  for (auto i = from; i != to; ++i)
    if (same_account(*i->second, caller) && (!chosen || chosen(*i->second))) found = i->second;
  return found;
}

std::vector<UploadPtr> Underway::of(const Caller& caller, const std::string& route) const {
  std::vector<UploadPtr> result;
  const std::lock_guard lock(mutex_);
  for (auto i = uploads_.lower_bound({caller.agency, route, {}}); i != uploads_.end(); ++i) {
    const auto& [key, upload] = *i;
    if (std::get<0>(key) != caller.agency || std::get<1>(key) != route) break;
    if (same_account(*upload, caller)) result.push_back(upload);
  }
  return result;
}

std::size_t Underway::count(const Caller& caller) const {
  std::size_t count = 0;
  const std::lock_guard lock(mutex_);
  for (auto i = uploads_.lower_bound({caller.agency, {}, {}}); i != uploads_.end(); ++i) {
    if (std::get<0>(i->first) != caller.agency) break;
    count += same_account(*i->second, caller) ? 1U : 0U;
  }
  return count;
}

std::vector<UploadPtr> Underway::take_others(const UploadPtr& but, Upload::Phase phase) {
  return take([&](const Upload& other) {
    return &other != but.get() && other.phase() == phase && same_account(other, but->caller()) &&
           key_of(other) == key_of(*but);
  });
}

std::vector<UploadPtr> Underway::take_oldest(const Caller& caller, Upload::Phase phase, std::size_t most) {
  std::vector<std::pair<entry::Micros, const Upload*>> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, upload] : uploads_)
      if (std::get<0>(key) == caller.agency && same_account(*upload, caller) && upload->phase() == phase)
        all.emplace_back(upload->since(), upload.get());
  }
  if (all.size() <= most) return {};
  std::sort(all.begin(), all.end());
  all.resize(all.size() - most);
  return take([&](const Upload& upload) {
    return std::any_of(all.begin(), all.end(), [&](const auto& one) { return one.second == &upload; });
  });
}

std::vector<UploadPtr> Underway::take(const Chosen& chosen) {
  std::vector<UploadPtr> taken;
  const std::lock_guard lock(mutex_);
  for (auto i = uploads_.begin(); i != uploads_.end();) {
    if (chosen(*i->second)) {
      taken.push_back(i->second);
      i = uploads_.erase(i);
    } else {
      ++i;
    }
  }
  return taken;
}

}  // namespace chancery::transfer
