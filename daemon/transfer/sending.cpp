#include <algorithm>
#include <utility>

#include "daemon/transfer/exchange_state.h"
#include "daemon/transfer/manifest.h"
#include "policies/route/decide.h"

// The part of Exchange that is about uploads.
namespace chancery::transfer {

namespace {

constexpr std::size_t kMostUploads = 256;  // of one account, finished ones aside
constexpr std::size_t kMostLost = 4;       // of one account
constexpr const char* kUploadedAgain = "A file of the same name was uploaded again.";
constexpr const char* kManifestTaken =
    "A manifest that the hub has taken can be neither removed nor renamed.";

InProgress described(const Upload& upload) {
  return {upload.id(), upload.name(), upload.contiguous(), upload.begun()};
}

Problem no_such_file() { return {Problem::Kind::not_found, "There is no file of that name here."}; }

}  // namespace

void Exchange::State::give_up_old() {
  const auto old = underway.take([now = clock()](const Upload& upload) {
    return upload.phase() != Upload::Phase::open && now - upload.since() > kHour;
  });
  for (const auto& upload : old) {
    if (upload->phase() == Upload::Phase::waiting && upload->temporary())
      upload->abandon("expired", "It was not renamed to its final name within an hour.");
    else if (upload->phase() == Upload::Phase::waiting)
      upload->abandon("expired", "Its manifest, " + upload->name() + ".sha256, did not come within an hour.");
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

// A manifest comes after its file.
std::optional<Problem> Exchange::State::judge_manifest(const Caller& caller, const route::Policy& by,
                                                       const std::string& route, const std::string& name) {
  const auto of = route::manifest_of(by.routes.find(route)->second, name);
  if (!of || underway.find(caller, route, std::string(*of))) return std::nullopt;
  const Problem problem{Problem::Kind::denied, "There is no file " + std::string(*of) +
                                                   " here that waits for its manifest. Upload " +
                                                   std::string(*of) + " first, and then " + name + "."};
  refuse(caller, route, name, "manifest-early", problem, {});
  return problem;
}

// The client has closed, or renamed to its final name, the manifest `name`: the file that it is of is
// finished, if it is what the manifest says.
void Exchange::State::take_manifest(const UploadPtr& upload, const std::string& name, Done done) {
  const std::string of(
      route::manifest_of(upload->policy()->routes.find(upload->route())->second, name).value());
  upload->take_text(
      [this, upload, name, of, done = std::move(done)](std::variant<std::string, Problem> taken) {
        underway.remove(upload);
        if (auto* problem = std::get_if<Problem>(&taken)) return done(std::move(*problem));
        const std::string& text = std::get<std::string>(taken);
        Manifest manifest = read_manifest(text, of);
        const Caller& caller = upload->caller();
        const auto refused = [&](const std::string& code, std::string sentence) {
          refuse(caller, upload->route(), name, code, {Problem::Kind::denied, std::move(sentence)}, done);
        };
        if (!manifest.mistake.empty()) return refused("manifest-invalid", std::move(manifest.mistake));
        const UploadPtr file = find_waiting(caller, upload->route(), of);
        if (!file || !underway.remove(file))
          return refused("manifest-early",
                         "There is no whole file " + of +
                             " here that waits for its manifest. Upload it, close it, and upload " + name +
                             " after it.");
        manifests.add(caller.user, upload->route(), {upload->id(), name, text.size(), clock()});
        file->finish(of, done, std::move(manifest.sha256));
      });
}

// A temporary name becomes final on a route of manifests: the file waits for its own, or it is one.
void Exchange::State::rename_to_wait(const UploadPtr& upload, const std::string& to, Done done) {
  const Caller& caller = upload->caller();
  if (route::manifest_of(upload->policy()->routes.find(upload->route())->second, to)) {
    if (auto problem = judge_manifest(caller, *upload->policy(), upload->route(), to))
      return done(std::move(problem));
    return take_manifest(upload, to, std::move(done));
  }
  Upload::name_finally(upload, to, [this, upload, done = std::move(done)](auto result) {
    if (auto* problem = std::get_if<Problem>(&result)) return done(std::move(*problem));
    const UploadPtr& named = std::get<UploadPtr>(result);
    if (underway.replace(upload, named)) return done(keep_closed(named));
    named->abandon("removed", kTakenMeanwhile);
    done(no_such_file());
  });
}

std::variant<UploadPtr, Problem> Exchange::begin(const Caller& caller, const std::string& route,
                                                 const std::string& name) {
  const auto policy = this->policy();
  if (auto problem = state_->judge(caller, *policy, route, name)) return *problem;
  if (auto problem = state_->judge_manifest(caller, *policy, route, name)) return *problem;
  if (state_->underway.count(caller) >= kMostUploads) {
    const Problem problem{
        Problem::Kind::failed,
        "Too many files of this account are not finished. Finish, rename or remove some first."};
    state_->refuse(caller, route, name, "too-many-files", problem, {});
    return problem;
  }
  std::shared_ptr<Quotas::Reservation> reserved;
  if (!route::manifest_of(policy->routes.find(route)->second, name)) {
    auto asked = state_->quotas.reserve(policy, caller.agency, route);
    if (const auto* over = std::get_if<OverQuota>(&asked)) {
      const Problem problem{Problem::Kind::denied, over->sentence};
      state_->refuse(caller, route, name, over->code, problem, {});
      return problem;
    }
    reserved = std::get<std::shared_ptr<Quotas::Reservation>>(std::move(asked));
  }
  auto upload = std::make_shared<Upload>(
      std::move(reserved),
      Desk{state_->objects, state_->recorder, state_->trouble, state_->clock,
           [state = state_.get()] { return state->in_force(); }, state_->early_of(caller.user),
           [state = state_.get()](auto time, auto run) { state->later.at(time, std::move(run)); }},
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
                          return state->underway.replace(unfinished, resumed);
                        });
}

void Exchange::close(const UploadPtr& upload, Done done) {
  if (upload->is_manifest()) return state_->take_manifest(upload, upload->name(), std::move(done));
  if (upload->waits_when_closed()) {
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
    if (find_in_progress(caller, route, from))
      return state_->refuse(caller, route, from, "no-renames", {Problem::Kind::denied, kManifestTaken}, done);
    return done(no_such_file());
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
  const route::Route& rules = upload->policy()->routes.find(route)->second;
  if (rules.finish == route::Finish::manifest) return state_->rename_to_wait(upload, to, std::move(done));
  // Another session may just have removed it, and been told so.
  if (!state_->underway.remove(upload)) return done(no_such_file());
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
  if (state_->underway.find(caller, route, name))
    return done(Problem{Problem::Kind::failed, "This file is still open. Close it first, then remove it."});
  if (find_in_progress(caller, route, name))
    return state_->refuse(caller, route, name, "not-removable", {Problem::Kind::denied, kManifestTaken},
                          done);
  done(no_such_file());
}

std::vector<InProgress> Exchange::in_progress(const Caller& caller, const std::string& route) const {
  std::vector<InProgress> result;
  for (const auto& upload : state_->underway.of(caller, route)) result.push_back(described(*upload));
  for (InProgress& taken : state_->manifests.of(caller.user, route)) result.push_back(std::move(taken));
  return result;
}

std::optional<InProgress> Exchange::find_in_progress(const Caller& caller, const std::string& route,
                                                     const std::string& name) const {
  const auto found = state_->underway.find(caller, route, name);
  if (found) return described(*found);
  return state_->manifests.find(caller.user, route, name);
}

bool Exchange::is_temporary(std::string_view name) const { return state_->is_temporary(name); }

}  // namespace chancery::transfer
