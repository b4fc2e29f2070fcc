#include <algorithm>
#include <chrono>
#include <future>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

#include "daemon/transfer/exchange_state.h"

namespace chancery::transfer {

namespace {

constexpr std::chrono::seconds kTick{1};
constexpr std::chrono::seconds kActivationDeadline{60};
constexpr std::chrono::seconds kLastAnswers{10};
constexpr std::size_t kMostNameBytes = 1000;  // of a refused name in the ledger; 200 can be accepted

// The entries by which `policy` comes into force after what the ledger says of the last one; empty for no
// change.
std::vector<entry::Event> activation_events(const route::Policy& policy, const Activation& before) {
  std::vector<entry::Event> events;
  if (policy.hash != before.policy) {
    entry::Event event;
    event.id = entry::new_id();
    event.name = "policy.activated";
    event.plain = {{"files", std::to_string(policy.files.size())}, {"policy", policy.hash}};
    event.committed = {{"summary", std::to_string(policy.agencies.size()) + " agencies, " +
                                       std::to_string(policy.agreements.size()) + " agreements, " +
                                       std::to_string(policy.routes.size()) + " routes"}};
    events.push_back(std::move(event));
  }
  std::map<std::string, std::string> now;
  for (const auto& [id, route] : policy.routes) now[id] = route::to_string(route.state);
  for (const auto& [id, state] : before.route_states) now.try_emplace(id, "absent");
  for (const auto& [id, state] : now) {
    const auto was = before.route_states.find(id);
    const std::string from = was == before.route_states.end() ? "-" : was->second;
    if (from == state) continue;
    entry::Event event;
    event.id = entry::new_id();
    event.name = "route.state";
    event.plain = {{"from", from}, {"policy", policy.hash}, {"route", id}, {"to", state}};
    event.committed = {{"officer", ""}, {"reason", "the policy was loaded"}};
    events.push_back(std::move(event));
  }
  return events;
}

// Whether an agency may know of a route: it sends or receives on it.
bool concerns(const route::Policy& policy, const std::string& route, const std::string& agency) {
  const auto found = policy.routes.find(route);
  if (found == policy.routes.end()) return false;
  const auto has = [&](const std::vector<std::string>& agencies) {
    return std::find(agencies.begin(), agencies.end(), agency) != agencies.end();
  };
  return has(found->second.from) || has(found->second.to);
}

}  // namespace

Exchange::Exchange(Settings settings, Ledger ledger, const Past& past, Clock clock, Log log)
    : state_(
          std::make_unique<State>(std::move(settings), std::move(ledger), std::move(clock), std::move(log))) {
  past.visit(0, [this](std::uint64_t seq, entry::Micros time, const entry::EventView& event) {
    state_->projection.apply(seq, time, event);
  });
  if (state_->projection.applied() != past.size)
    throw std::runtime_error("the ledger has " + std::to_string(past.size) + " entries, but only " +
                             std::to_string(state_->projection.applied()) + " could be read");
  state_->sweep();
  state_->schedule_tick();
}

Exchange::~Exchange() { stop(); }

// Nothing is removed before the replay is whole: an object is an orphan only if no entry up to the head names
// it.
void Exchange::State::sweep() {
  std::vector<object::ObjectId> orphans, disposed;
  objects.for_each([&](const object::ObjectId& id) {
    if (projection.keeps_object(id)) return;
    (projection.knows_object(id) ? disposed : orphans).push_back(id);
  });
  for (const object::ObjectId& id : disposed) objects.remove(id);
  for (const object::ObjectId& id : orphans) objects.set_aside(id);
  if (!orphans.empty())
    log(std::to_string(orphans.size()) +
        " objects that no entry names were set aside in the folder orphans: " +
        "uploads that a crash cut off, or a ledger older than its objects");

  std::set<std::string> seen;
  for (const object::Leftover& leftover : objects.leftovers()) {
    const std::size_t first = leftover.label.find('~');
    const std::size_t second = leftover.label.find('~', first + 1);
    if (first != std::string::npos && second != std::string::npos) {
      Recorder::Ended ended;
      ended.transfer = leftover.label.substr(0, first);
      ended.caller.agency = leftover.label.substr(first + 1, second - first - 1);
      ended.route = leftover.label.substr(second + 1);
      ended.event = "file.abandoned";
      ended.code = "hub-restarted";
      ended.reason = "The hub was restarted before this file was finished. Please upload it again.";
      if (entry::id_from_hex(ended.transfer) && seen.insert(ended.transfer).second &&
          !projection.find_transfer(ended.transfer))
        recorder.record_each(ended);
    }
    objects.remove_leftover(leftover);
  }
}

void Exchange::State::schedule_tick() {
  timer.expires_after(kTick);
  timer.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    tick();
    const std::lock_guard lock(mutex);
    if (!stopping) schedule_tick();
  });
}

void Exchange::State::tick() {
  try {
    recorder.tick();
    door.tick();
    give_up_old();
    if (has_passed(kHour, disposed_at, clock()) && recorder.available()) {
      disposed_at = clock();
      counter.dispose_old();
    }
  } catch (const std::exception& error) {
    log(std::string("housekeeping failed: ") + error.what());
  }
}

std::shared_ptr<const route::Policy> Exchange::State::in_force() const {
  const std::lock_guard lock(mutex);
  return policy;
}

// `by` is the policy that refuses; the one in force unless it is given.
void Exchange::State::refuse(const Caller& caller, const std::string& route, const std::string& name,
                             const std::string& code, const Problem& problem, const Done& done,
                             std::shared_ptr<const route::Policy> by) {
  if (!by) by = in_force();
  Recorder::Ended ended;
  ended.caller = caller;
  ended.event = "file.refused";
  ended.transfer = entry::to_hex(entry::new_id());
  if (by && concerns(*by, route, caller.agency)) ended.route = route;
  if (by) ended.policy = by->hash;
  ended.code = code;
  ended.name = name.substr(0, kMostNameBytes);
  ended.reason = problem.sentence;
  recorder.record_ended(std::move(ended));
  if (done) done(problem);
}

void Exchange::activate(const std::shared_ptr<const route::Policy>& policy) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->awaited)
      throw std::runtime_error("the ledger has not answered about the policy " + *state_->awaited +
                               " yet, which comes into force when it has its entries; reload again then");
  }
  route::keep_policy(*policy, state_->settings.policies);
  const auto in_force = [state = state_.get(), policy](bool durable) {
    bool later = false;
    {
      const std::lock_guard lock(state->mutex);
      state->awaited.reset();
      later = durable && state->policy != nullptr;  // the first is told of by the start
      if (durable) state->policy = policy;
    }
    if (later) state->log("the policy in force is " + policy->hash);
  };
  std::vector<entry::Event> events = activation_events(*policy, state_->projection.activation());
  if (events.empty()) return in_force(true);
  auto told = std::make_shared<std::promise<service::Appended>>();
  auto answer = told->get_future();
  {
    const std::lock_guard lock(state_->mutex);
    state_->awaited = policy->hash;
  }
  state_->recorder.record(
      std::move(events), [told](const service::Appended& appended) { told->set_value(appended); }, in_force);
  const bool answered = answer.wait_for(kActivationDeadline) == std::future_status::ready;
  const service::Appended appended = answered ? answer.get() : service::Appended{};
  if (appended.outcome == service::Outcome::refused)
    throw std::runtime_error("the ledger refused the policy's entries: " + appended.reason);
  if (appended.outcome == service::Outcome::unknown)
    throw std::runtime_error(
        "the ledger has not answered; the new policy comes into force when it has the entries");
}

std::shared_ptr<const route::Policy> Exchange::policy() const { return state_->in_force(); }

void Exchange::open_delivery(const Caller& caller, const Delivery& delivery, const Counter::Opened& done) {
  using Result = std::variant<std::shared_ptr<Reading>, Problem>;
  state_->counter.open(caller, delivery, state_->strand(), [this, caller, delivery, done](Result result) {
    const auto* problem = std::get_if<Problem>(&result);
    if (problem != nullptr) record_problem(caller, delivery, *problem);
    done(std::move(result));
  });
}

void Exchange::acknowledge(const Caller& caller, const Delivery& delivery, const Done& done) {
  state_->counter.acknowledge(caller, delivery,
                              [this, caller, delivery, done](std::optional<Problem> problem) {
                                if (problem) record_problem(caller, delivery, *problem);
                                done(std::move(problem));
                              });
}

void Exchange::record_problem(const Caller& caller, const Delivery& delivery, const Problem& problem) {
  if (problem.code.empty()) return;
  state_->refuse(caller, delivery.route, delivery.shown_name, problem.code, problem, {});
}

std::variant<std::shared_ptr<void>, Problem> Exchange::take_seat(const Caller& caller) {
  const auto policy = this->policy();
  const auto agency = policy->agencies.find(caller.agency);
  const std::uint32_t most = agency == policy->agencies.end() ? 0 : agency->second.quota.sessions;
  auto seat = state_->seats.take(caller.agency, most);
  if (seat) return seat;
  const Problem problem{Problem::Kind::denied, "Your agency's quota of sessions here (" +
                                                   std::to_string(most) +
                                                   " at once) is used up. Close one, or try again later."};
  state_->refuse(caller, {}, {}, "quota-sessions", problem, {});
  return problem;
}

void Exchange::refused_at_door(const std::string& source, const std::string& code) {
  state_->door.refused(source, code);
}

void Exchange::record_refusal(const Caller& caller, const std::string& route, const std::string& name,
                              const std::string& code, const std::string& sentence) {
  state_->refuse(caller, route, name, code, {Problem::Kind::denied, sentence}, {});
}

const Projection& Exchange::projection() const { return state_->projection; }

void Exchange::learn(std::uint64_t seq, entry::Micros time, const entry::Event& event) {
  state_->projection.apply(seq, time, event);
}

bool Exchange::ledger_answers() const { return state_->recorder.available(); }

object::ObjectStore::Space Exchange::space() const { return state_->objects.space(); }

entry::Micros Exchange::now() const { return state_->clock(); }

void Exchange::post(std::function<void()> work) { asio::post(state_->pool, std::move(work)); }

void Exchange::stop() {
  {
    const std::lock_guard lock(state_->mutex);
    if (std::exchange(state_->stopping, true)) return;
    state_->timer.cancel();
  }
  for (const auto& upload : state_->underway.take([](const Upload&) { return true; }))
    upload->abandon("hub-stopped",
                    "The hub was stopped before this file was finished. Please upload it again.");
  state_->later.stop();
  state_->pool.join();
  state_->door.flush();
  state_->recorder.finish(kLastAnswers);
}

}  // namespace chancery::transfer
