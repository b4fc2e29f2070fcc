#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "daemon/object/object_store.h"
#include "daemon/transfer/caller.h"
#include "daemon/transfer/quotas.h"
#include "daemon/transfer/recorder.h"
#include "daemon/transfer/trouble.h"
#include "policies/route/decide.h"
#include "policies/route/policy.h"

namespace chancery::transfer {

// Runs functions one after another on the workers, in the order in which they were posted.
using Post = std::function<void(std::function<void()>)>;

// Told to a client that would go on with an upload of which nothing is here.
constexpr const char* kNothingKept =
    "The hub keeps nothing of an earlier upload of this file: more than an hour has passed, or the hub was "
    "restarted. Please upload it from its start.";

constexpr const char* kTakenMeanwhile =
    "Another session of this account removed or replaced it before it was finished.";

// What an upload needs of the hub.
struct Desk {
  const object::ObjectStore& objects;
  Recorder& recorder;
  Trouble& trouble;
  Clock clock;
  std::function<std::shared_ptr<const route::Policy>()> policy_in_force;
  std::shared_ptr<std::atomic<std::uint64_t>> early;  // bytes that an account's uploads hold out of order
  At at;
};

// One file on its way in: hashed, sealed to each receiving agency's keys, written as temporary objects; and,
// once it is finished, kept and recorded. Plain text is only ever in memory. All of it but a large file's
// hash (digest.h) runs on the upload's own strand of the workers, so its functions may be called from any
// thread and never block.
class Upload : public std::enable_shared_from_this<Upload> {
 public:
  // The policy has already said yes to this name, and the upload keeps it to its end. `reserved` is its part
  // of the quotas; a manifest has none.
  Upload(std::shared_ptr<Quotas::Reservation> reserved, Desk desk, Post post, Caller caller,
         std::shared_ptr<const route::Policy> policy, std::string route, std::string name, bool temporary);
  ~Upload();

  // Takes bytes at an offset. They may come out of order within 4 MiB of what is contiguous, in 1,024 pieces,
  // and 64 MiB over all uploads of the account; a write before the contiguous part, beyond that, or beyond a
  // quota's bytes, fails the upload. Where a quota sets a rate, the bytes are taken at once, and the answer
  // and whatever ends the upload wait until they have passed at that rate. Who gives up owes nothing; who
  // goes on with a lost upload owes what had not passed. A failed upload fails every later call with the same
  // sentence.
  void write(std::uint64_t offset, std::vector<std::uint8_t> data, Done done);

  // The file is whole and its final name is `name`: seals the last chunk, makes the objects durable, appends
  // file.accepted with its deliveries, and only then answers success. The answer to an unknown outcome says
  // so. If the policy in force has withdrawn the route, the account or its key meanwhile, the upload is
  // refused; also when `sha256` is given (hex) and is not what has arrived.
  void finish(std::string name, Done done, std::string sha256 = {});

  // Whether it is the manifest of another file by its name: nothing of it goes to the disk.
  bool is_manifest() const { return manifest_; }
  // Ends an upload that turned out to be a manifest, without a trace: `use` is given its text, after every
  // write. A Problem is a failed upload's, or that it is too long for one.
  void take_text(std::function<void(std::variant<std::string, Problem>)> use);

  // Closes it under another name, which is not temporary, to await its manifest: `done` is given what waits
  // from then on.
  static void name_finally(const std::shared_ptr<Upload>& old, std::string name,
                           std::function<void(std::variant<std::shared_ptr<Upload>, Problem>)> done);

  // Gives it up: nothing of it is kept, and file.abandoned is recorded (unless a refusal already was).
  void abandon(std::string code, std::string reason);

  // Where it stands: a session has it open; the session ended before it was closed, and it may be gone on
  // with; or it was closed, and awaits what finishes it. since() is when that began.
  enum class Phase { open, lost, waiting };
  Phase phase() const;
  entry::Micros since() const;

  // The client has closed it, and it is not finished by that. Answers after every write.
  void close(Done done);

  // Its session has ended. After every write `told` hears whether it was kept; if not (nothing contiguous has
  // arrived, it has failed, or another took its place) it is abandoned.
  void lose(std::function<void(bool kept)> told);

  // The account has begun another of this name: when its session ends this one is not kept.
  void supersede();

  // Goes on with `old` in a new session of its account, if what is contiguous ends at `offset`: the new
  // upload has its id, its policy and all it holds, and whoever has `old` open is refused from then on. When
  // that cannot be, the new one fails with a sentence and `old` stays as it was. `taken` is given the new one
  // and says whether `old` was still there to be gone on with; if not, it is given up before anything is
  // written.
  static std::shared_ptr<Upload> resume(const std::shared_ptr<Upload>& old, Caller caller,
                                        std::uint64_t offset,
                                        std::function<bool(const std::shared_ptr<Upload>&)> taken);

  // Its client wants to go on with an earlier one, of which nothing is here: a gap at the start is then told
  // as that.
  void expect_earlier() { expects_earlier_ = true; }

  std::uint64_t contiguous() const;
  // Gives the contiguous size as it is once every write before this call was taken.
  void settle(std::function<void(std::uint64_t)> use);
  std::optional<Problem> failed() const;
  const std::string& id() const { return id_; }
  const Caller& caller() const { return caller_; }
  const std::string& route() const { return route_; }
  const std::string& name() const { return name_; }
  const std::shared_ptr<const route::Policy>& policy() const { return policy_; }
  bool temporary() const { return temporary_; }
  // Whether closing it leaves it waiting: for its rename, or for its manifest.
  bool waits_when_closed() const { return temporary_ || awaits_manifest_; }
  // When its first session began it.
  entry::Micros begun() const { return begun_; }

 private:
  struct Pipeline;
  Upload(const Upload& old, Caller caller, std::string name, bool temporary);
  void adopt(Upload& old, std::uint64_t offset);
  void hold_back(const Done& done, std::function<void()> step);
  void go_on();
  void has_passed();
  void let_go();
  void answer_held();
  void take(std::uint64_t offset, std::vector<std::uint8_t> data);
  void consume(std::vector<std::uint8_t> data);
  void open_pipeline();
  void flush();
  void check_size(std::uint64_t size) const;
  void check_whole() const;
  void check_not_withdrawn() const;
  void commit(const std::string& name, const Done& done, const std::string& sha256);
  std::vector<entry::Event> batch(const std::string& name, const std::string& sha256) const;
  void enter(Phase phase);
  void give_up(const std::string& code, const std::string& reason);
  void fail(const std::string& code, const Problem& problem, const std::string& policy);
  void discard();
  void drop_early();
  void run(const Done& done, const std::function<void()>& step);

  const Desk desk_;
  const Post post_;
  const Caller caller_;
  const std::shared_ptr<const route::Policy> policy_;
  const std::string route_;
  const std::string name_;
  const bool temporary_;
  const bool awaits_manifest_;  // its route finishes files by manifests
  const bool manifest_;
  const std::string id_;
  const entry::Micros begun_;

  // Used on the strand only.
  std::unique_ptr<Pipeline> pipeline_;
  std::shared_ptr<Quotas::Reservation> reserved_;
  std::uint64_t passed_ = 0;  // of what is contiguous, at the rates
  struct HeldBack {
    std::uint64_t after;  // so many bytes have passed
    std::function<void()> step;
  };
  std::deque<HeldBack> held_back_;
  std::unique_ptr<Quotas::Turn> turn_;  // of the next bytes to pass, while they wait
  std::map<std::uint64_t, std::vector<std::uint8_t>> early_;
  std::string head_;  // the first bytes, where it may turn out to be a manifest
  bool ended_ = false;
  std::atomic<bool> superseded_ = false;
  std::atomic<bool> expects_earlier_ = false;

  mutable std::mutex mutex_;
  std::uint64_t contiguous_ = 0;
  std::optional<Problem> failed_;
  Phase phase_ = Phase::open;
  entry::Micros since_;
};

}  // namespace chancery::transfer
