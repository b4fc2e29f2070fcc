#include "daemon/transfer/door.h"

#include <utility>
#include <vector>

#include <arpa/inet.h>

namespace chancery::transfer {

namespace {

constexpr std::size_t kRows = 64;
constexpr entry::Micros kMinute = 60'000'000;

// The address itself; of an IPv6 address its /64, which one machine has for itself.
std::string network_of(const std::string& address) {
  in6_addr six{};
  if (::inet_pton(AF_INET6, address.c_str(), &six) != 1) return address;
  for (std::size_t i = 8; i < 16; ++i) six.s6_addr[i] = 0;
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(AF_INET6, &six, text, sizeof text);
  return std::string(text) + "/64";
}

}  // namespace

Door::Door(Recorder& recorder, Clock clock) : recorder_(recorder), clock_(std::move(clock)) {}

void Door::refused(const std::string& address, const std::string& code) {
  const Key key(network_of(address), code);
  const std::lock_guard lock(mutex_);
  if (counts_.empty()) since_ = clock_();
  const auto found = counts_.find(key);
  if (found != counts_.end()) {
    ++found->second;
  } else if (counts_.size() < kRows) {
    counts_.emplace(key, 1);
  } else {
    ++rest_;
  }
}

void Door::tick() {
  {
    const std::lock_guard lock(mutex_);
    if (counts_.empty() || clock_() - since_ < kMinute) return;
  }
  flush();
}

void Door::flush() {
  std::map<Key, std::uint64_t> counts;
  std::uint64_t rest = 0;
  entry::Micros since = 0;
  {
    const std::lock_guard lock(mutex_);
    counts.swap(counts_);
    rest = std::exchange(rest_, 0);
    since = since_;
  }
  if (counts.empty()) return;
  std::vector<entry::Event> batch;
  const auto add = [&](const Key& key, std::uint64_t count) {
    entry::Event event;
    event.id = entry::random_id();
    event.name = "session.refused";
    event.plain = {
        {"code", key.second}, {"count", std::to_string(count)}, {"since", entry::format_time(since)}};
    event.committed = {{"address", key.first}};
    batch.push_back(std::move(event));
  };
  for (const auto& [key, count] : counts) add(key, count);
  if (rest > 0) add({"", "rest"}, rest);
  recorder_.record_surely(std::move(batch));
}

}  // namespace chancery::transfer
