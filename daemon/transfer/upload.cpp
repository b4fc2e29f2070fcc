#include "daemon/transfer/upload.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <set>
#include <system_error>
#include <utility>

#include <botan/hash.h>
#include <botan/hex.h>

#include "daemon/transfer/digest.h"
#include "daemon/transfer/manifest.h"
#include "policies/seal/seal.h"

namespace chancery::transfer {

namespace {

constexpr std::uint64_t kReorderWindow = 4 << 20;
constexpr std::size_t kMostPieces = 1024;          // that wait for what comes before them
constexpr std::uint64_t kMostEarly = 64ULL << 20;  // bytes of an account's pieces
constexpr std::uint64_t kMostOfATurn = 256 << 10;  // so that nobody waits long for another's

// A refusal found after the upload began, with its code in the ledger's closed alphabet.
struct Refused {
  std::string code;
  Problem problem;
  std::string policy = {};  // that refuses, if it is not the upload's own
};

std::string hex_digest(Botan::HashFunction& hash) { return Botan::hex_encode(hash.final_stdvec(), false); }

Problem manifest_too_long() {
  return {Problem::Kind::denied,
          "A manifest is one line, as sha256sum prints it for one file. Please upload that."};
}

Problem not_recorded() {
  return {Problem::Kind::failed,
          "The hub cannot record transfers at the moment, so nothing of this file was kept. Please try again "
          "later."};
}

Problem disk_problem(const std::system_error& error) {
  if (error.code() == std::errc::no_space_on_device || error.code().value() == EDQUOT ||
      error.code() == std::errc::file_too_large)
    return {
        Problem::Kind::failed,
        "The hub's disk is full. Nothing of this file was kept; please try again later, and tell the hub."};
  return {Problem::Kind::failed,
          "The hub could not write this file. Nothing of it was kept; please try again later."};
}

}  // namespace

// One output: an object being sealed for one receiving agency.
struct Output {
  Output(std::string to, std::string keys, object::Draft object)
      : agency(std::move(to)), recipients(std::move(keys)), draft(std::move(object)) {}

  std::string agency;
  std::string recipients;  // sorted recipient strings, one a line
  object::Draft draft;
  std::unique_ptr<Botan::HashFunction> sealed_hash = Botan::HashFunction::create_or_throw("SHA-256");
  std::unique_ptr<seal::Sealer> sealer;
  std::string sealed_sha256;
};

struct Upload::Pipeline {
  Digest digest;
  std::vector<std::unique_ptr<Output>> outputs;
};

Upload::Upload(std::shared_ptr<Quotas::Reservation> reserved, Desk desk, Post post, Caller caller,
               std::shared_ptr<const route::Policy> policy, std::string route, std::string name,
               bool temporary)
    : desk_(std::move(desk)),
      post_(std::move(post)),
      caller_(std::move(caller)),
      policy_(std::move(policy)),
      route_(std::move(route)),
      name_(std::move(name)),
      temporary_(temporary),
      awaits_manifest_(policy_->routes.find(route_)->second.finish == route::Finish::manifest),
      manifest_(route::manifest_of(policy_->routes.find(route_)->second, name_).has_value()),
      id_(entry::to_hex(entry::new_id())),
      begun_(desk_.clock()),
      reserved_(std::move(reserved)),
      since_(begun_) {}

Upload::Upload(const Upload& old, Caller caller, std::string name, bool temporary)
    : desk_(old.desk_),
      post_(old.post_),
      caller_(std::move(caller)),
      policy_(old.policy_),
      route_(old.route_),
      name_(std::move(name)),
      temporary_(temporary),
      awaits_manifest_(old.awaits_manifest_),
      manifest_(old.manifest_),
      id_(old.id_),
      begun_(old.begun_),
      since_(desk_.clock()) {}

Upload::~Upload() { drop_early(); }

std::uint64_t Upload::contiguous() const {
  const std::lock_guard lock(mutex_);
  return contiguous_;
}

void Upload::settle(std::function<void(std::uint64_t)> use) {
  post_([self = shared_from_this(), use = std::move(use)] { use(self->contiguous()); });
}

std::optional<Problem> Upload::failed() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

Upload::Phase Upload::phase() const {
  const std::lock_guard lock(mutex_);
  return phase_;
}

entry::Micros Upload::since() const {
  const std::lock_guard lock(mutex_);
  return since_;
}

void Upload::enter(Phase phase) {
  const std::lock_guard lock(mutex_);
  phase_ = phase;
  since_ = desk_.clock();
}

void Upload::close(Done done) {
  post_([self = shared_from_this(), done = std::move(done)] {
    self->answer_held();
    self->hold_back(done, [self = self.get(), done] {
      self->check_whole();
      self->flush();
      self->enter(Phase::waiting);
      done(std::nullopt);
    });
  });
}

// One that waits holds no bytes in memory.
void Upload::flush() {
  if (!pipeline_) return;
  pipeline_->digest.flush();
  for (const auto& output : pipeline_->outputs) output->draft.flush();
}

void Upload::supersede() { superseded_ = true; }

void Upload::lose(std::function<void(bool)> told) {
  post_([self = shared_from_this(), told = std::move(told)] {
    if (self->manifest_) {
      self->ended_ = true;
      return told(false);
    }
    self->let_go();
    if (!self->ended_ && self->contiguous() > 0 && !self->superseded_) {
      self->run([](const auto&) {}, [&] { self->flush(); });
      if (!self->ended_) {
        self->drop_early();
        self->enter(Phase::lost);
        return told(true);
      }
    }
    if (!self->ended_ && self->superseded_)
      self->give_up("replaced", "A file of the same name was uploaded again.");
    else if (!self->ended_)
      self->give_up("connection-lost",
                    "The connection ended before the file was finished. Please upload it again.");
    told(false);
  });
}

std::shared_ptr<Upload> Upload::resume(const std::shared_ptr<Upload>& old, Caller caller,
                                       std::uint64_t offset,
                                       std::function<bool(const std::shared_ptr<Upload>&)> taken) {
  std::shared_ptr<Upload> upload(new Upload(*old, std::move(caller), old->name_, old->temporary_));
  upload->post_([upload, old, offset, taken = std::move(taken)] {
    upload->adopt(*old, offset);
    if (!upload->ended_ && !taken(upload)) upload->give_up("removed", kTakenMeanwhile);
  });
  return upload;
}

// Both are on one strand.
void Upload::adopt(Upload& old, std::uint64_t offset) {
  const std::uint64_t have = old.contiguous();
  if (old.ended_ || have != offset) {
    ended_ = true;
    const std::lock_guard lock(mutex_);
    failed_ = Problem{Problem::Kind::failed,
                      old.ended_ ? kNothingKept
                                 : "The hub has the first " + std::to_string(have) +
                                       " bytes of this file, and can only go on from there. Resume it once "
                                       "more, or upload it again from its start."};
    return;
  }
  old.ended_ = true;
  old.drop_early();
  pipeline_ = std::move(old.pipeline_);
  head_ = std::move(old.head_);
  {
    const std::lock_guard lock(old.mutex_);
    old.failed_ =
        Problem{Problem::Kind::failed, "Another connection of this account went on with this file."};
  }
  old.let_go();
  reserved_ = std::move(old.reserved_);
  passed_ = old.passed_;
  const std::lock_guard lock(mutex_);
  contiguous_ = have;
}

// Runs one step of the upload and answers: the one place where a failure becomes a refusal.
void Upload::run(const Done& done, const std::function<void()>& step) {
  if (auto problem = failed()) return done(std::move(problem));
  try {
    step();
  } catch (const Refused& refused) {
    fail(refused.code, refused.problem, refused.policy.empty() ? policy_->hash : refused.policy);
    done(refused.problem);
  } catch (const std::system_error& error) {
    const Problem problem = disk_problem(error);
    fail("disk", problem, policy_->hash);
    desk_.trouble.tell("An upload to", route_, error.what());
    done(problem);
  } catch (const std::exception& error) {
    const Problem problem{Problem::Kind::failed, "The hub could not take this file. Nothing of it was kept."};
    fail("internal", problem, policy_->hash);
    desk_.trouble.tell("An upload to", route_, error.what());
    done(problem);
  }
}

void Upload::fail(const std::string& code, const Problem& problem, const std::string& policy) {
  {
    const std::lock_guard lock(mutex_);
    failed_ = problem;
  }
  discard();
  desk_.recorder.record_ended(
      {caller_, "file.refused", id_, route_, policy, code, name_, problem.sentence, contiguous()});
}

// Removes what is on the disk, the objects of a commit that failed half-way too.
void Upload::discard() {
  ended_ = true;
  let_go();
  drop_early();
  reserved_.reset();
  if (!pipeline_) return;
  for (const auto& output : pipeline_->outputs) desk_.objects.remove(output->draft.id());
  pipeline_.reset();
}

void Upload::write(std::uint64_t offset, std::vector<std::uint8_t> data, Done done) {
  post_([self = shared_from_this(), offset, data = std::move(data), done = std::move(done)]() mutable {
    self->run(done, [&] {
      self->take(offset, std::move(data));
      self->hold_back(done, [done] { done(std::nullopt); });
    });
  });
}

// Runs a step once all that has been taken so far has passed at the rates; in the order of the calls.
void Upload::hold_back(const Done& done, std::function<void()> step) {
  run(done, [&] {
    held_back_.push_back({contiguous(), [this, done, step = std::move(step)] { run(done, step); }});
    go_on();
  });
}

void Upload::go_on() {
  while (!held_back_.empty() && !turn_) {
    const std::uint64_t after = held_back_.front().after;
    if (reserved_ && passed_ < after) {
      const std::uint64_t bytes = std::min(after - passed_, kMostOfATurn);
      turn_ = reserved_->pass(bytes, desk_.at, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->post_([self] { self->has_passed(); });
      });
      if (!turn_) passed_ += bytes;
      continue;
    }
    const auto step = std::move(held_back_.front().step);
    held_back_.pop_front();
    step();
  }
}

void Upload::has_passed() {
  if (!turn_) return;  // given up meanwhile
  passed_ += turn_->bytes();
  turn_.reset();
  run([](const auto&) {}, [this] { go_on(); });
}

// Nobody is held back any more, and nothing of it stays in the clocks of the rates.
void Upload::let_go() {
  turn_.reset();
  answer_held();
}

// Behind a CLOSE nothing more can be written, and it is held back itself. Its session may have ended: so that
// one answer is kept for it, not a thousand.
void Upload::answer_held() {
  while (!held_back_.empty()) {
    const auto step = std::move(held_back_.front().step);
    held_back_.pop_front();
    step();
  }
}

void Upload::take(std::uint64_t offset, std::vector<std::uint8_t> data) {
  const std::uint64_t have = contiguous();
  const auto out_of_order = [&](const std::string& why) {
    throw Refused{"write-order", {Problem::Kind::failed, expects_earlier_ && have == 0 ? kNothingKept : why}};
  };
  if (offset > UINT64_MAX - data.size()) out_of_order("No file can be that long.");
  check_size(offset + data.size());
  if (offset < have)
    out_of_order(
        "Bytes that were already sealed cannot be written again. Please upload the file from its start.");
  if (offset + data.size() - have > kReorderWindow && offset != have)
    out_of_order("The file must be written from its start to its end; there is a gap of more than 4 MiB.");
  // Early pieces never overlap, so the window bounds what they hold.
  const auto after = early_.lower_bound(offset);
  const bool overlaps =
      (after != early_.end() && offset + data.size() > after->first) ||
      (after != early_.begin() && std::prev(after)->first + std::prev(after)->second.size() > offset);
  if (overlaps) out_of_order("Two writes overlap. Please upload the file from its start.");
  if (offset != have) {
    if (data.empty()) return;
    if (early_.size() >= kMostPieces || *desk_.early + data.size() > kMostEarly)
      out_of_order(
          "The file must be written from its start to its end; too much of it came before its time.");
    *desk_.early += data.size();
    early_[offset] = std::move(data);
    return;
  }
  consume(std::move(data));
  while (!early_.empty() && early_.begin()->first == contiguous()) {
    std::vector<std::uint8_t> piece = std::move(early_.extract(early_.begin()).mapped());
    *desk_.early -= piece.size();
    consume(std::move(piece));
  }
}

void Upload::drop_early() {
  for (const auto& [offset, data] : early_) *desk_.early -= data.size();
  early_.clear();
}

void Upload::check_size(std::uint64_t size) const {
  const route::Decision decision =
      route::decide(*policy_, {caller_.agency, route_, name_, temporary_, false, size, begun_ / 1'000'000});
  if (!decision.allowed())
    throw Refused{std::string(route::to_code(decision.refusal)), {Problem::Kind::denied, decision.reason}};
}

void Upload::open_pipeline() {
  if (pipeline_) return;
  auto pipeline = std::make_unique<Pipeline>();
  for (const std::string& agency : policy_->routes.find(route_)->second.to) {
    const auto& keys = policy_->agencies.find(agency)->second.seal_to;
    std::set<std::string> sorted;
    for (const auto& key : keys) sorted.insert(key.text());
    std::string recipients;
    for (const std::string& key : sorted) recipients += key + "\n";
    auto output = std::make_unique<Output>(agency, recipients,
                                           desk_.objects.create(id_ + '~' + caller_.agency + '~' + route_));
    Output* const raw = output.get();
    output->sealer = std::make_unique<seal::Sealer>(keys, [raw](std::span<const std::uint8_t> bytes) {
      raw->sealed_hash->update(bytes);
      raw->draft.write(bytes);
    });
    pipeline->outputs.push_back(std::move(output));
  }
  pipeline_ = std::move(pipeline);
}

void Upload::consume(std::vector<std::uint8_t> data) {
  const std::uint64_t size = data.size();
  if (awaits_manifest_)
    head_.append(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(
                                                  std::min(data.size(), kMostManifestBytes - head_.size())));
  if (reserved_) {
    if (const auto over = reserved_->take(size))
      throw Refused{over->code, {Problem::Kind::denied, over->sentence}};
  }
  if (!manifest_) {
    open_pipeline();
    for (const auto& output : pipeline_->outputs) output->sealer->update(data);
    pipeline_->digest.update(std::move(data));
  } else if (contiguous() + size > kMostManifestBytes) {
    throw Refused{"manifest-invalid", manifest_too_long()};
  }
  const std::lock_guard lock(mutex_);
  contiguous_ += size;
}

void Upload::check_whole() const {
  if (early_.empty()) return;
  const std::uint64_t have = contiguous();
  throw Refused{"write-order",
                {Problem::Kind::failed, expects_earlier_ && have == 0
                                            ? kNothingKept
                                            : "Part of the file is missing: there is a gap after byte " +
                                                  std::to_string(have) + ". Please upload it again."}};
}

void Upload::check_not_withdrawn() const {
  const auto policy = desk_.policy_in_force();
  if (!policy->find_login(caller_.user, caller_.agency, caller_.key))
    throw Refused{"account-withdrawn",
                  {Problem::Kind::denied,
                   "The account or the key that this file was uploaded with was withdrawn, so it was not "
                   "delivered. Ask the hub."},
                  policy->hash};
  const route::Decision decision =
      route::decide_route(*policy, caller_.agency, route_, desk_.clock() / 1'000'000);
  if (!decision.allowed())
    throw Refused{std::string(route::to_code(decision.refusal)),
                  {Problem::Kind::denied, decision.reason},
                  policy->hash};
}

void Upload::finish(std::string name, Done done, std::string sha256) {
  post_([self = shared_from_this(), name = std::move(name), done = std::move(done),
         sha256 = std::move(sha256)] {
    self->answer_held();
    self->hold_back(done, [self = self.get(), name, done, sha256] { self->commit(name, done, sha256); });
  });
}

void Upload::take_text(std::function<void(std::variant<std::string, Problem>)> use) {
  post_([self = shared_from_this(), use = std::move(use)] {
    const Done fail = [&](const std::optional<Problem>& problem) { use(*problem); };
    self->run(fail, [&] {
      self->check_whole();
      if (self->contiguous() > kMostManifestBytes) throw Refused{"manifest-invalid", manifest_too_long()};
      const std::string text = std::move(self->head_);
      self->discard();
      use(text);
    });
  });
}

void Upload::name_finally(const std::shared_ptr<Upload>& old, std::string name,
                          std::function<void(std::variant<std::shared_ptr<Upload>, Problem>)> done) {
  const std::shared_ptr<Upload> upload(new Upload(*old, old->caller_, std::move(name), false));
  upload->post_([upload, old, done = std::move(done)] {
    upload->adopt(*old, old->contiguous());
    if (auto problem = upload->failed()) return done(*problem);
    upload->enter(Phase::waiting);
    done(upload);
  });
}

// `expected` is the digest a manifest gives; empty for none.
void Upload::commit(const std::string& name, const Done& done, const std::string& expected) {
  if (ended_) return done(Problem{Problem::Kind::failed, "This file was already finished."});
  check_whole();
  check_not_withdrawn();
  open_pipeline();
  const std::string sha256 = pipeline_->digest.finish();
  if (!expected.empty() && expected != sha256)
    throw Refused{
        "manifest-mismatch",
        {Problem::Kind::denied, "The manifest gives the SHA-256 " + expected + ", but what arrived has " +
                                    sha256 + ". Please upload the file and its manifest again."}};
  for (const auto& output : pipeline_->outputs) {
    output->sealer->finish();
    output->sealed_sha256 = hex_digest(*output->sealed_hash);
    output->draft.keep();
  }
  std::vector<entry::Event> events = batch(name, sha256);
  std::vector<object::ObjectId> objects;
  for (const auto& output : pipeline_->outputs) objects.push_back(output->draft.id());
  pipeline_.reset();
  ended_ = true;
  const auto reserved = std::exchange(reserved_, nullptr);
  desk_.recorder.record(
      std::move(events),
      [done](const service::Appended& appended) {
        if (appended.outcome == service::Outcome::durable) return done(std::nullopt);
        if (appended.outcome == service::Outcome::refused) return done(not_recorded());
        done(Problem{Problem::Kind::failed,
                     "The hub does not know yet whether this file was recorded. Look in /receipts before "
                     "you send it again."});
      },
      // What is reserved is held until the projection counts it, or it is certain that there is nothing to
      // count.
      [self = shared_from_this(), objects, reserved](bool durable) {
        if (durable) return;
        if (reserved) reserved->end();
        self->post_([self, objects] {
          for (const object::ObjectId& object : objects) self->desk_.objects.remove(object);
          self->fail("ledger-unavailable", not_recorded(), self->policy_->hash);
        });
      },
      [reserved](const std::function<void()>& into_projection) {
        reserved ? reserved->end_with(into_projection) : into_projection();
      });
}

std::vector<entry::Event> Upload::batch(const std::string& name, const std::string& sha256) const {
  const route::Route& route = policy_->routes.find(route_)->second;
  std::vector<entry::Event> events(1);
  events[0].id = entry::id_from_hex(id_).value();
  events[0].name = "file.accepted";
  events[0].plain = {{"agency", caller_.agency},
                     {"agreement", route.agreement},
                     {"outputs", std::to_string(pipeline_->outputs.size())},
                     {"policy", policy_->hash},
                     {"route", route_},
                     {"transfer", id_}};
  events[0].committed = {{"account", caller_.user}, {"address", caller_.address},
                         {"key", caller_.key},      {"name", name},
                         {"rows-in", ""},           {"rows-out", ""},
                         {"sha256", sha256},        {"size", std::to_string(contiguous())},
                         {"subjects", ""}};
  for (const auto& output : pipeline_->outputs) {
    entry::Event event;
    event.id = entry::new_id();
    event.name = "delivery.made";
    event.plain = {{"agency", output->agency},
                   {"object", output->draft.id()},
                   {"route", route_},
                   {"sealed-sha256", output->sealed_sha256},
                   {"sealed-size", std::to_string(output->draft.size())},
                   {"transfer", id_}};
    event.committed = {{"name", name}, {"recipients", output->recipients}, {"rows", ""}, {"sha256", sha256}};
    events.push_back(std::move(event));
  }
  return events;
}

void Upload::abandon(std::string code, std::string reason) {
  post_([self = shared_from_this(), code = std::move(code), reason = std::move(reason)] {
    if (!self->ended_) self->give_up(code, reason);
  });
}

void Upload::give_up(const std::string& code, const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    failed_ = Problem{Problem::Kind::failed, reason};
  }
  discard();
  if (manifest_) return;  // it is no transfer
  desk_.recorder.record_ended(
      {caller_, "file.abandoned", id_, route_, policy_->hash, code, name_, reason, contiguous()});
}

}  // namespace chancery::transfer
