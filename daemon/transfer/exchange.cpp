#include "daemon/transfer/exchange.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <tuple>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include "daemon/transfer/door.h"
#include "daemon/transfer/underway.h"
#include "policies/route/decide.h"

namespace chancery::transfer {

namespace asio = boost::asio;

namespace {

constexpr entry::Micros kHour = 3'600'000'000;
constexpr std::chrono::seconds kTick{1};
constexpr std::chrono::seconds kActivationDeadline{60};
constexpr std::chrono::seconds kLastAnswers{10};
constexpr std::size_t kMostUploads = 256;     // of one account, finished ones aside
constexpr std::size_t kMostLost = 4;          // of one account
constexpr std::size_t kMostNameBytes = 1000;  // of a refused name in the ledger; 200 can be accepted

constexpr const char* kUploadedAgain = "A file of the same name was uploaded again.";

InProgress described(const Upload& upload) {
  return {upload.id(), upload.name(), upload.contiguous(), upload.begun()};
}

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

struct Exchange::State {
  State(Settings given, Ledger ledger, Clock the_clock, Log the_log)
      : settings(std::move(given)),
        clock(std::move(the_clock)),
        log(std::move(the_log)),
        objects(settings.objects),
        recorder(projection, std::move(ledger), clock, log),
        counter(objects, projection, recorder, clock),
        door(recorder, clock),
        pool(settings.workers),
        timer(pool) {}

  Post strand() {
    return [strand = asio::make_strand(pool)](std::function<void()> work) {
      asio::post(strand, std::move(work));
    };
  }

  void sweep();
  void schedule_tick();
  void tick();
  void give_up_old();
  UploadPtr find_waiting(const Caller& caller, const std::string& route, const std::string& name) const;
  std::optional<Problem> keep_closed(const UploadPtr& upload);
  std::optional<Problem> judge(const Caller& caller, const route::Policy& by, const std::string& route,
                               const std::string& name);
  std::shared_ptr<std::atomic<std::uint64_t>> early_of(const std::string& user);
  void refuse(const Caller& caller, const std::string& route, const std::string& name,
              const std::string& code, const Problem& problem, const Done& done,
              std::shared_ptr<const route::Policy> by = nullptr);
  std::shared_ptr<const route::Policy> in_force() const;
  bool is_temporary(std::string_view name) const;

  const Settings settings;
  const Clock clock;
  const Log log;
  const object::ObjectStore objects;
  Projection projection;
  Recorder recorder;
  Counter counter;
  Door door;
  asio::thread_pool pool;
  Underway underway;  // goes before the pool, of which its uploads hold strands
  asio::steady_timer timer;
  entry::Micros disposed_at = 0;  // used by tick() only

  mutable std::mutex mutex;
  bool stopping = false;
  std::shared_ptr<const route::Policy> policy;
  std::map<std::string, std::shared_ptr<std::atomic<std::uint64_t>>> early;  // by account
};

Exchange::Exchange(Settings settings, Ledger ledger, const Past& past, Clock clock, Log log)
    : state_(
          std::make_unique<State>(std::move(settings), std::move(ledger), std::move(clock), std::move(log))) {
  past.visit(0, [this](std::uint64_t seq, entry::Micros time, const entry::Event& event) {
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
    if (clock() - disposed_at > kHour && recorder.available()) {
      disposed_at = clock();
      counter.dispose_old();
    }
  } catch (const std::exception& error) {
    log(std::string("housekeeping failed: ") + error.what());
  }
}

void Exchange::State::give_up_old() {
  const auto old = underway.take([now = clock()](const Upload& upload) {
    return upload.phase() != Upload::Phase::open && now - upload.since() > kHour;
  });
  for (const auto& upload : old) {
    if (upload->phase() == Upload::Phase::waiting)
      upload->abandon("expired", "It was not renamed to its final name within an hour.");
    else
      upload->abandon("connection-lost",
                      "The connection ended before the file was finished, and within an hour nobody went on "
                      "with it. Please upload it again.");
  }
}

UploadPtr Exchange::State::find_waiting(const Caller& caller, const std::string& route,
                                        const std::string& name) const {
  return underway.find(caller, route, name,
                       [](const Upload& upload) { return upload.phase() == Upload::Phase::waiting; });
}

std::shared_ptr<std::atomic<std::uint64_t>> Exchange::State::early_of(const std::string& user) {
  const std::lock_guard lock(mutex);
  auto& count = early[user];
  if (!count) count = std::make_shared<std::atomic<std::uint64_t>>(0);
  return count;
}

// Of two uploads of one account under one temporary name, that which is closed last is the one to be renamed.
std::optional<Problem> Exchange::State::keep_closed(const UploadPtr& upload) {
  if (underway.find(upload->caller(), upload->route(), upload->name(),
                    [&](const Upload& one) { return &one == upload.get(); }) == nullptr)
    return Problem{Problem::Kind::failed, kUploadedAgain};
  for (const auto& old : underway.take_others(upload, Upload::Phase::waiting))
    old->abandon("replaced", kUploadedAgain);
  return std::nullopt;
}

bool Exchange::State::is_temporary(std::string_view name) const {
  return std::any_of(
      settings.temporary_suffixes.begin(), settings.temporary_suffixes.end(),
      [&](const std::string& suffix) { return name.size() > suffix.size() && name.ends_with(suffix); });
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
  route::keep_policy(*policy, state_->settings.policies);
  const auto in_force = [state = state_.get(), policy](bool durable) {
    if (!durable) return;
    const std::lock_guard lock(state->mutex);
    state->policy = policy;
  };
  std::vector<entry::Event> events = activation_events(*policy, state_->projection.activation());
  if (events.empty()) return in_force(true);
  auto told = std::make_shared<std::promise<service::Appended>>();
  auto answer = told->get_future();
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

// What refuses a file before its first byte; a no is recorded.
std::optional<Problem> Exchange::State::judge(const Caller& caller, const route::Policy& by,
                                              const std::string& route, const std::string& name) {
  const auto no = [&](const std::string& code, Problem problem) {
    refuse(caller, route, name, code, problem, {});
    return problem;
  };
  const route::Decision decision =
      route::decide(by, {caller.agency, route, name, is_temporary(name), false, 0, clock() / 1'000'000});
  if (!decision.allowed())
    return no(std::string(route::to_code(decision.refusal)), {Problem::Kind::denied, decision.reason});
  if (!recorder.available())
    return no(
        "ledger-unavailable",
        {Problem::Kind::failed, "The hub cannot record transfers at the moment. Please try again later."});
  return std::nullopt;
}

std::variant<UploadPtr, Problem> Exchange::begin(const Caller& caller, const std::string& route,
                                                 const std::string& name) {
  const auto policy = this->policy();
  if (auto problem = state_->judge(caller, *policy, route, name)) return *problem;
  if (state_->underway.count(caller) >= kMostUploads) {
    const Problem problem{
        Problem::Kind::failed,
        "Too many files of this account are not finished. Finish, rename or remove some first."};
    state_->refuse(caller, route, name, "too-many-files", problem, {});
    return problem;
  }
  auto upload = std::make_shared<Upload>(
      Desk{state_->objects, state_->recorder, state_->clock,
           [state = state_.get()] { return state->in_force(); }, state_->early_of(caller.user)},
      state_->strand(), caller, policy, route, name, is_temporary(name));
  for (const auto& old : state_->underway.add(upload)) old->abandon("replaced", kUploadedAgain);
  return upload;
}

std::variant<UploadPtr, Problem> Exchange::find_unfinished(const Caller& caller, const std::string& route,
                                                           const std::string& name) {
  if (auto problem = state_->judge(caller, *policy(), route, name)) return *problem;
  auto found = state_->underway.find(caller, route, name);
  if (found && (found->contiguous() == 0 || found->failed())) found.reset();
  return found;
}

UploadPtr Exchange::resume(const Caller& caller, const UploadPtr& unfinished, std::uint64_t offset) {
  return Upload::resume(unfinished, caller, offset,
                        [state = state_.get(), unfinished](const UploadPtr& resumed) {
                          state->underway.replace(unfinished, resumed);
                        });
}

void Exchange::close(const UploadPtr& upload, Done done) {
  if (upload->temporary()) {
    upload->close([this, upload, done = std::move(done)](std::optional<Problem> problem) {
      if (problem)
        state_->underway.remove(upload);
      else
        problem = state_->keep_closed(upload);
      done(std::move(problem));
    });
    return;
  }
  upload->finish(upload->name(), [this, upload, done = std::move(done)](std::optional<Problem> problem) {
    state_->underway.remove(upload);
    done(std::move(problem));
  });
}

void Exchange::drop(const UploadPtr& upload) {
  upload->lose([state = state_.get(), upload](bool kept) {
    if (!kept) {
      state->underway.remove(upload);
      return;
    }
    for (const auto& old : state->underway.take_oldest(upload->caller(), Upload::Phase::lost, kMostLost))
      old->abandon("too-many-files",
                   "Later uploads of this account were cut off too, and the hub keeps four.");
  });
}

void Exchange::rename(const Caller& caller, const std::string& route, const std::string& from,
                      const std::string& to, Done done) {
  const auto upload = state_->find_waiting(caller, route, from);
  if (!upload) {
    if (state_->projection.find_sent(caller.agency, route, from, 0))
      return state_->refuse(caller, route, from, "already-delivered",
                            {Problem::Kind::denied,
                             "This file was already delivered and cannot be renamed. Upload it "
                             "again under the other name."},
                            done);
    if (const auto found = state_->underway.find(caller, route, from))
      return done(Problem{Problem::Kind::failed,
                          found->phase() == Upload::Phase::lost
                              ? "The connection ended before this file was whole. Resume it, or upload it "
                                "again, then rename it."
                              : "This file is still open. Close it first, then rename it."});
    return done(Problem{Problem::Kind::not_found, "There is no file of that name here."});
  }
  if (is_temporary(to))
    return state_->refuse(
        caller, route, to, "name-not-accepted",
        {Problem::Kind::denied, "A temporary name can only be renamed to the file's final name."}, done);
  const route::Decision decision = route::decide(
      *upload->policy(),
      {caller.agency, route, to, false, true, upload->contiguous(), upload->begun() / 1'000'000});
  if (!decision.allowed())
    return state_->refuse(caller, route, to, std::string(route::to_code(decision.refusal)),
                          {Problem::Kind::denied, decision.reason}, done, upload->policy());
  state_->underway.remove(upload);
  upload->finish(to, std::move(done));
}

void Exchange::remove_sent(const Caller& caller, const std::string& route, const std::string& name,
                           const Done& done) {
  const auto upload = state_->underway.find(
      caller, route, name, [](const Upload& one) { return one.phase() != Upload::Phase::open; });
  if (upload && state_->underway.remove(upload)) {
    upload->abandon("removed", "It was removed before it was finished.");
    return done(std::nullopt);
  }
  if (state_->projection.find_sent(caller.agency, route, name, 0))
    return state_->refuse(
        caller, route, name, "already-delivered",
        {Problem::Kind::denied, "This file was already delivered. Ask the hub to recall it."}, done);
  if (find_in_progress(caller, route, name))
    return done(Problem{Problem::Kind::failed, "This file is still open. Close it first, then remove it."});
  done(Problem{Problem::Kind::not_found, "There is no file of that name here."});
}

std::vector<InProgress> Exchange::in_progress(const Caller& caller, const std::string& route) const {
  std::vector<InProgress> result;
  for (const auto& upload : state_->underway.of(caller, route)) result.push_back(described(*upload));
  return result;
}

std::optional<InProgress> Exchange::find_in_progress(const Caller& caller, const std::string& route,
                                                     const std::string& name) const {
  const auto found = state_->underway.find(caller, route, name);
  return found ? std::optional(described(*found)) : std::nullopt;
}

void Exchange::open_delivery(const Caller& caller, const Delivery& delivery, const Counter::Opened& done) {
  state_->counter.open(caller, delivery, state_->strand(), done);
}

void Exchange::acknowledge(const Caller& caller, const Delivery& delivery, const Done& done) {
  state_->counter.acknowledge(
      caller, delivery, [this, caller, delivery, done](std::optional<Problem> problem) {
        if (problem && problem->kind == Problem::Kind::denied)
          return state_->refuse(caller, delivery.route, delivery.shown_name, "not-collected", *problem, done);
        done(std::move(problem));
      });
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

bool Exchange::is_temporary(std::string_view name) const { return state_->is_temporary(name); }

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
  state_->pool.join();
  state_->door.flush();
  state_->recorder.finish(kLastAnswers);
}

}  // namespace chancery::transfer
