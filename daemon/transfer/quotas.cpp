#include "daemon/transfer/quotas.h"

#include <algorithm>
#include <utility>

#include "policies/calendar/civil_date.h"

namespace chancery::transfer {

namespace {

constexpr Micros kSecond = 1'000'000;
// A timer that fires late costs no throughput: so much of a rate that was not used may be made up for.
constexpr std::chrono::milliseconds kLateness{20};

// What of today's quota is used up by `used` and `more`, if anything.
std::optional<OverQuota> over(const agreement::Quota& quota, const std::string& whose, const Tally& used,
                              std::uint64_t files, std::uint64_t bytes) {
  const auto told = [&](const std::string& amount) {
    return "Today's quota of " + amount + " " + whose +
           " is used up, what is on its way included; it begins again at midnight. Send the rest then, or "
           "ask the hub "
           "for more.";
  };
  if (quota.files_per_day != 0 && used.files + files > quota.files_per_day)
    return OverQuota{"quota-files", told(std::to_string(quota.files_per_day) + " files")};
  // A quota that is full refuses the next file at once, not at its first byte.
  if (quota.bytes_per_day != 0 &&
      (used.bytes + bytes > quota.bytes_per_day || (files > 0 && used.bytes >= quota.bytes_per_day)))
    return OverQuota{"quota-bytes", told(std::to_string(quota.bytes_per_day) + " bytes")};
  return std::nullopt;
}

bool by_day(const agreement::Quota& quota) { return quota.bytes_per_day != 0 || quota.files_per_day != 0; }

}  // namespace

Quotas::Quotas(const Projection& projection, Clock clock)
    : projection_(projection), clock_(std::move(clock)) {}

Quotas::Reservation::Reservation(Quotas& quotas, std::shared_ptr<const route::Policy> policy, Of agency,
                                 Of route)
    : quotas_(quotas), policy_(std::move(policy)), agency_(std::move(agency)), route_(std::move(route)) {}

Quotas::Reservation::~Reservation() { end(); }

void Quotas::Reservation::end() {
  end_with([] {});
}

void Quotas::Reservation::end_with(const std::function<void()>& count) {
  const std::lock_guard lock(quotas_.mutex_);
  count();
  for (OnItsWay* one : {&agency_.on_its_way, &route_.on_its_way}) {
    one->files -= files_;
    one->bytes -= bytes_;
  }
  files_ = bytes_ = 0;
}

std::optional<OverQuota> Quotas::Reservation::take(std::uint64_t bytes) {
  return quotas_.add(*this, 0, bytes);
}

std::variant<std::shared_ptr<Quotas::Reservation>, OverQuota> Quotas::reserve(
    const std::shared_ptr<const route::Policy>& policy, const std::string& agency, const std::string& route) {
  std::unique_lock lock(mutex_);
  OnItsWay& of_agency = agencies_[agency];  // stays where it is
  OnItsWay& of_route = routes_[route];
  lock.unlock();
  auto reservation = std::make_shared<Reservation>(
      *this, policy, Reservation::Of{agency, policy->agencies.find(agency)->second.quota, of_agency},
      Reservation::Of{route, policy->routes.find(route)->second.quota, of_route});
  if (auto refused = add(*reservation, 1, 0)) return *refused;
  return reservation;
}

// Where the day begins, in the ledger's time.
Micros Quotas::today(const std::string& timezone) {
  const std::int64_t now = clock_() / kSecond;
  if (day_of_ != timezone || now < day_from_ || now >= day_until_) {
    constexpr std::int64_t kIntoTheNextDay = 30LL * 3600;  // a day has 23 to 25 hours
    day_of_ = timezone;
    day_from_ = calendar::day_begins(timezone, now);
    day_until_ = calendar::day_begins(timezone, day_from_ + kIntoTheNextDay);
  }
  return day_from_ * kSecond;
}

// With the mutex held.
std::optional<OverQuota> Quotas::check(const Reservation& of, std::uint64_t files, std::uint64_t bytes) {
  // What is accepted enters the projection as its reservation ends, with the mutex held (end_with).
  const auto with = [](Tally tally, const OnItsWay& more) {
    return Tally{tally.files + more.files, tally.bytes + more.bytes};
  };
  if (by_day(of.agency_.quota)) {
    const Tally used = projection_.accepted_from(of.agency_.name, today(of.policy_->timezone));
    if (auto refused =
            over(of.agency_.quota, "of your agency", with(used, of.agency_.on_its_way), files, bytes))
      return refused;
  }
  if (!by_day(of.route_.quota)) return std::nullopt;
  const Tally used = projection_.accepted_through(of.route_.name, today(of.policy_->timezone));
  return over(of.route_.quota, "of the route \"" + of.route_.name + "\"", with(used, of.route_.on_its_way),
              files, bytes);
}

std::optional<OverQuota> Quotas::add(Reservation& to, std::uint64_t files, std::uint64_t bytes) {
  std::unique_lock lock(mutex_, std::defer_lock);
  if (by_day(to.agency_.quota) || by_day(to.route_.quota)) {
    lock.lock();
    if (auto refused = check(to, files, bytes)) return refused;
  }
  for (OnItsWay* one : {&to.agency_.on_its_way, &to.route_.on_its_way}) {
    one->files += files;
    one->bytes += bytes;
  }
  to.files_ += files;
  to.bytes_ += bytes;
  return std::nullopt;
}

std::unique_ptr<Quotas::Turn> Quotas::Reservation::pass(std::uint64_t bytes, const At& at,
                                                        std::function<void()> due) {
  if (agency_.quota.bytes_per_second == 0 && route_.quota.bytes_per_second == 0) return nullptr;
  auto turn = std::make_unique<Turn>(*this, bytes, at, std::move(due));
  Time when;
  {
    const std::lock_guard lock(quotas_.mutex_);
    auto& lane = turn->lane();
    if (lane.empty()) {
      const Time now = std::chrono::steady_clock::now();
      when = turn->enter(now);
      if (when <= now) return nullptr;
    }
    lane.push_back(turn.get());
    turn->waits_ = true;
    if (lane.size() > 1) return turn;
  }
  at(when, turn->due_);
  return turn;
}

Quotas::Turn::Turn(Reservation& of, std::uint64_t bytes, At at, std::function<void()> due)
    : quotas_(of.quotas_),
      agency_(of.agency_.name),
      route_(of.route_.on_its_way),
      bytes_(bytes),
      at_(std::move(at)),
      due_(std::move(due)) {
  for (const auto* one : {&of.agency_, &of.route_}) {
    const std::uint64_t rate = one->quota.bytes_per_second;
    if (rate == 0) continue;
    const std::chrono::duration<double> takes(static_cast<double>(bytes) / static_cast<double>(rate));
    parts_.push_back(
        {one->on_its_way, std::chrono::duration_cast<std::chrono::steady_clock::duration>(takes)});
  }
}

std::deque<Quotas::Turn*>& Quotas::Turn::lane() { return route_.turns[agency_]; }

// Takes its place in the clocks, with the mutex held, and says when it will have passed.
Quotas::Time Quotas::Turn::enter(Time now) {
  Time until = now;
  for (Part& part : parts_) {
    part.end = part.of.next = std::max(part.of.next, now - kLateness) + part.takes;
    until = std::max(until, part.end);
  }
  return until;
}

Quotas::Turn::~Turn() {
  if (!waits_) return;
  Time when;
  At at;
  std::function<void()> due;
  {
    const std::lock_guard lock(quotas_.mutex_);
    auto& lane = this->lane();
    const bool first = lane.front() == this;
    std::erase(lane, this);
    if (!first) return;
    const Time now = std::chrono::steady_clock::now();
    for (const Part& part : parts_)
      if (part.end > now) part.of.next = std::max(now, part.of.next - part.takes);
    if (lane.empty()) return;
    when = lane.front()->enter(now);
    at = lane.front()->at_;  // it may be gone once the mutex is free
    due = lane.front()->due_;
  }
  at(when, std::move(due));
}

std::shared_ptr<void> Seats::take(const std::string& agency, std::uint32_t most) {
  {
    const std::lock_guard lock(taken_->mutex);
    std::uint32_t& taken = taken_->by_agency[agency];
    if (most != 0 && taken >= most) return nullptr;
    ++taken;
  }
  // The sessions may end after the hub's exchange.
  return {static_cast<void*>(taken_.get()), [taken = taken_, agency](void*) {
            const std::lock_guard lock(taken->mutex);
            --taken->by_agency[agency];
          }};
}

}  // namespace chancery::transfer
