#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include "daemon/transfer/door.h"
#include "daemon/transfer/exchange.h"
#include "daemon/transfer/later.h"
#include "daemon/transfer/quotas.h"
#include "daemon/transfer/taken_manifests.h"
#include "daemon/transfer/trouble.h"
#include "daemon/transfer/underway.h"

// What exchange.cpp (the hub's start, policies, deliveries) and sending.cpp (uploads) share. Theirs alone.
namespace chancery::transfer {

namespace asio = boost::asio;

constexpr entry::Micros kHour = 3'600'000'000;

struct Exchange::State {
  State(Settings given, Ledger ledger, Clock the_clock, Log the_log)
      : settings(std::move(given)),
        clock(std::move(the_clock)),
        log(std::move(the_log)),
        objects(settings.objects),
        recorder(projection, std::move(ledger), clock, log),
        trouble(clock, log),
        counter(objects, projection, recorder, trouble, clock),
        door(recorder, clock),
        pool(settings.workers),
        timer(pool),
        later(pool.get_executor()) {}

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
  std::optional<Problem> judge_manifest(const Caller& caller, const route::Policy& by,
                                        const std::string& route, const std::string& name);
  void take_manifest(const UploadPtr& upload, const std::string& name, Done done);
  void rename_to_wait(const UploadPtr& upload, const std::string& to, Done done);
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
  Trouble trouble;
  Counter counter;
  Door door;
  Quotas quotas{projection, clock};
  Seats seats;
  TakenManifests manifests{clock};
  asio::thread_pool pool;
  Underway underway;  // goes before the pool, of which its uploads hold strands
  asio::steady_timer timer;
  Later later;
  entry::Micros disposed_at = 0;  // used by tick() only

  mutable std::mutex mutex;
  bool stopping = false;
  std::shared_ptr<const route::Policy> policy;
  std::optional<std::string> awaited;  // the hash of a policy of whose entries the ledger has not told
  std::map<std::string, std::shared_ptr<std::atomic<std::uint64_t>>> early;  // by account
};

}  // namespace chancery::transfer
