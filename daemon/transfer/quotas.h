#pragma once

#include <atomic>
#include <chrono>
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

#include "daemon/transfer/caller.h"
#include "daemon/transfer/projection.h"
#include "daemon/transfer/recorder.h"
#include "policies/route/policy.h"

namespace chancery::transfer {

// Runs a function at its time; at once if it has come.
using At = std::function<void(std::chrono::steady_clock::time_point, std::function<void()>)>;

// Why a quota refuses, with its code in the ledger's closed alphabet.
struct OverQuota {
  std::string code;
  std::string sentence;
};

// Counts what agencies send and what goes through routes against their quotas. What was accepted today is
// counted by the projection, so a restart forgets nothing of it; what is on its way is reserved here before
// it is taken, so that no number of uploads at once gets more than there is. Who has no quota is counted
// without a lock, since a reload may give it one. Thread-safe; outlives its reservations.
class Quotas {
  using Time = std::chrono::steady_clock::time_point;

 public:
  class Turn;

 private:
  // Of an agency or a route. What stands under a quota of a day is added under the mutex.
  struct OnItsWay {
    std::atomic<std::uint64_t> files = 0, bytes = 0;
    Time next{};  // when what has its turn will have passed at the rate
    // Of a route, by agency: what waits to pass. The first of each agency has its turn.
    std::map<std::string, std::deque<Turn*>> turns;
  };

 public:
  Quotas(const Projection& projection, Clock clock);

  // What one upload has reserved: a file, and the bytes it has taken. It gives everything back when it is
  // destroyed, or told to end.
  class Reservation {
   public:
    // One of an agency's uploads and of a route's, looked up once.
    struct Of {
      std::string name;
      const agreement::Quota& quota;  // the policy's, which is kept beside it
      OnItsWay& on_its_way;
    };
    Reservation(Quotas& quotas, std::shared_ptr<const route::Policy> policy, Of agency, Of route);
    ~Reservation();
    Reservation(const Reservation&) = delete;
    Reservation& operator=(const Reservation&) = delete;

    // Reserves `bytes` more, or nothing.
    [[nodiscard]] std::optional<OverQuota> take(std::uint64_t bytes);

    // Has so many bytes pass at the rates of agency and route. Null if they may at once; else `due` is run,
    // by `at`, when they have passed, unless the turn is destroyed before. `due` only hands on.
    [[nodiscard]] std::unique_ptr<Turn> pass(std::uint64_t bytes, const At& at, std::function<void()> due);

    // What was reserved is free again. With the first, in the moment in which `count` has it counted in the
    // projection: no other upload sees it twice, or not at all.
    void end_with(const std::function<void()>& count);
    void end();

   private:
    friend class Quotas;
    friend class Turn;
    Quotas& quotas_;
    const std::shared_ptr<const route::Policy> policy_;
    const Of agency_, route_;
    std::uint64_t files_ = 0, bytes_ = 0;
  };

  // Bytes that wait to pass at a rate. Of what an agency sends on a route one turn at a time is in the
  // clocks, so agencies take turns, and none waits for all that another has in flight. Destroyed, it gives
  // back what is not yet due, and lets in the next.
  class Turn {
   public:
    Turn(Reservation& of, std::uint64_t bytes, At at, std::function<void()> due);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    std::uint64_t bytes() const { return bytes_; }

   private:
    friend class Quotas;
    // Its part of one clock.
    struct Part {
      OnItsWay& of;
      std::chrono::steady_clock::duration takes;
      Time end{};
    };
    Time enter(Time now);
    std::deque<Turn*>& lane();

    Quotas& quotas_;
    const std::string agency_;
    OnItsWay& route_;
    const std::uint64_t bytes_;
    const At at_;
    const std::function<void()> due_;
    std::vector<Part> parts_;  // where there is a rate
    bool waits_ = false;
  };

  // Reserves a file.
  std::variant<std::shared_ptr<Reservation>, OverQuota> reserve(
      const std::shared_ptr<const route::Policy>& policy, const std::string& agency,
      const std::string& route);

 private:
  std::optional<OverQuota> add(Reservation& to, std::uint64_t files, std::uint64_t bytes);
  std::optional<OverQuota> check(const Reservation& of, std::uint64_t files, std::uint64_t bytes);
  Micros today(const std::string& timezone);

  const Projection& projection_;
  const Clock clock_;
  std::mutex mutex_;
  std::map<std::string, OnItsWay> agencies_, routes_;
  // The civil day that was asked for last: from, until (not included).
  std::string day_of_;
  std::int64_t day_from_ = 0, day_until_ = 0;
};

// How many sessions of each agency there are. Thread-safe.
class Seats {
 public:
  // A place for a session, which is free again when it is destroyed; null if all `most` are taken.
  std::shared_ptr<void> take(const std::string& agency, std::uint32_t most);

 private:
  struct Taken {
    std::mutex mutex;
    std::map<std::string, std::uint32_t> by_agency;
  };
  std::shared_ptr<Taken> taken_ = std::make_shared<Taken>();
};

}  // namespace chancery::transfer
