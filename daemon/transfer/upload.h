#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "daemon/object/object_store.h"
#include "daemon/transfer/caller.h"
#include "daemon/transfer/recorder.h"
#include "policies/route/decide.h"
#include "policies/route/policy.h"

namespace chancery::transfer {

// Runs functions one after another on the workers, in the order in which they were posted.
using Post = std::function<void(std::function<void()>)>;

// What an upload needs of the hub.
struct Desk {
  const object::ObjectStore& objects;
  Recorder& recorder;
  Clock clock;
  std::function<std::shared_ptr<const route::Policy>()> policy_in_force;
  std::shared_ptr<std::atomic<std::uint64_t>> early;  // bytes that an account's uploads hold out of order
};

// One file on its way in: hashed, sealed to each receiving agency's keys, written as temporary objects; and,
// once it is finished, kept and recorded. Plain text is only ever in memory. All of it runs on the upload's
// own strand of the workers, so its functions may be called from any thread and never block.
class Upload : public std::enable_shared_from_this<Upload> {
 public:
  // `decided` has already said yes to this name under this policy, which the upload keeps to its end.
  Upload(Desk desk, Post post, Caller caller, std::shared_ptr<const route::Policy> policy, std::string route,
         std::string name, bool temporary);
  ~Upload();

  // Takes bytes at an offset. They may come out of order within 4 MiB of what is contiguous, in 1,024 pieces,
  // and 64 MiB over all uploads of the account; a write before the contiguous part, or beyond that, fails the
  // upload. A failed upload fails every later call with the same sentence.
  void write(std::uint64_t offset, std::vector<std::uint8_t> data, Done done);

  // The file is whole and its final name is `name`: seals the last chunk, makes the objects durable, appends
  // file.accepted with its deliveries, and only then answers success. The answer to an unknown outcome says
  // so. If the policy in force has withdrawn the route meanwhile, the upload is refused.
  void finish(std::string name, Done done);

  // Gives it up: nothing of it is kept, and file.abandoned is recorded (unless a refusal already was).
  void abandon(std::string code, std::string reason);

  // The client has closed it under its temporary name: from then on it awaits its rename. Answers after every
  // write.
  void close(Done done);
  bool closed() const;

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
  entry::Micros begun() const { return begun_; }

 private:
  struct Pipeline;
  void take(std::uint64_t offset, std::vector<std::uint8_t> data);
  void consume(const std::vector<std::uint8_t>& data);
  void open_pipeline();
  void check_size(std::uint64_t size) const;
  void check_whole() const;
  void check_not_withdrawn() const;
  void commit(const std::string& name, const Done& done);
  std::vector<entry::Event> batch(const std::string& name, const std::string& sha256) const;
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
  const std::string id_;
  const entry::Micros begun_;

  // Used on the strand only.
  std::unique_ptr<Pipeline> pipeline_;
  std::map<std::uint64_t, std::vector<std::uint8_t>> early_;
  bool ended_ = false;

  mutable std::mutex mutex_;
  std::uint64_t contiguous_ = 0;
  std::optional<Problem> failed_;
  bool closed_ = false;
};

}  // namespace chancery::transfer
