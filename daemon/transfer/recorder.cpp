#include "daemon/transfer/recorder.h"

#include <utility>

namespace chancery::transfer {

namespace {

constexpr entry::Micros kMinute = 60'000'000;
constexpr std::chrono::seconds kPatience{6};  // a service that systemd restarts is back within two
constexpr std::size_t kReasonBytes = 2000;    // of a gathered reason: as many names as fit

std::string or_dash(const std::string& value) { return value.empty() ? "-" : value; }

}  // namespace

Recorder::Recorder(Projection& projection, Ledger ledger, Clock clock, Log log)
    : projection_(projection), ledger_(std::move(ledger)), clock_(std::move(clock)), log_(std::move(log)) {}

void Recorder::record(std::vector<entry::Event> batch, Answered answered, Settled settled, Enter enter) {
  submit({std::move(batch), std::move(answered), std::chrono::steady_clock::now() + kPatience,
          std::move(settled), std::move(enter), false});
}

void Recorder::record_surely(std::vector<entry::Event> batch) {
  submit({std::move(batch), {}, {}, {}, {}, true});
}

void Recorder::submit(Unresolved one) {
  {
    const std::lock_guard lock(mutex_);
    ++outstanding_;
  }
  const auto kept = std::make_shared<Unresolved>(std::move(one));
  ledger_.append(kept->batch, [this, kept](const service::Appended& appended) {
    kept->kept = kept->kept || appended.outcome == service::Outcome::unknown;
    const bool for_now = appended.outcome == service::Outcome::refused && appended.try_again;
    if (appended.outcome == service::Outcome::unknown ||
        (for_now && (kept->kept || std::chrono::steady_clock::now() < kept->until))) {
      available_ = false;
      const std::lock_guard lock(mutex_);
      unresolved_.push_back(std::move(*kept));
    } else {
      end(*kept, appended);
    }
    const std::lock_guard lock(mutex_);
    --outstanding_;
    idle_.notify_all();
  });
}

void Recorder::end(const Unresolved& one, const service::Appended& appended) {
  const bool durable = appended.outcome == service::Outcome::durable;
  if (durable) {
    available_ = true;
    const auto into_projection = [&] {
      for (std::size_t i = 0; i < one.batch.size(); ++i)
        projection_.apply(appended.seqs[i], appended.times[i], one.batch[i]);
    };
    one.enter ? one.enter(into_projection) : into_projection();
  } else {
    log_("the ledger refused an entry: " + appended.reason);
  }
  if (one.settled) one.settled(durable);
  if (one.answered) one.answered(appended);
}

void Recorder::give_up(std::chrono::steady_clock::time_point now) {
  std::vector<Answered> unknown;
  std::vector<Unresolved> refused;
  {
    const std::lock_guard lock(mutex_);
    std::vector<Unresolved> rest;
    for (Unresolved& one : unresolved_) {
      if (!one.kept && one.until <= now) {
        refused.push_back(std::move(one));
        continue;
      }
      if (one.answered && one.until <= now) unknown.push_back(std::exchange(one.answered, {}));
      rest.push_back(std::move(one));
    }
    unresolved_.swap(rest);
  }
  service::Appended nothing_known;
  nothing_known.outcome = service::Outcome::unknown;
  for (const Answered& answered : unknown) answered(nothing_known);
  for (const Unresolved& one : refused)
    end(one, {service::Outcome::refused, {}, {}, "it could not be reached", true});
}

void Recorder::append_ended(const Ended& ended, std::uint64_t count) {
  entry::Event event;
  event.id = entry::id_from_hex(ended.transfer).value();
  event.name = ended.event;
  event.plain = {{"agency", ended.caller.agency},  {"code", ended.code},
                 {"count", std::to_string(count)}, {"policy", or_dash(ended.policy)},
                 {"route", or_dash(ended.route)},  {"transfer", ended.transfer}};
  event.committed = {{"account", ended.caller.user}, {"address", ended.caller.address},
                     {"key", ended.caller.key},      {"name", ended.name},
                     {"reason", ended.reason},       {"size", std::to_string(ended.size)}};
  record_surely({std::move(event)});
}

void Recorder::record_each(const Ended& ended) { append_ended(ended, 1); }

void Recorder::record_ended(Ended ended) {
  {
    const std::lock_guard lock(mutex_);
    const Kind kind{ended.event, ended.caller.agency, ended.caller.user,
                    ended.route, ended.policy,        ended.code};
    const auto [place, first] = gathered_.try_emplace(kind);
    Gathered& gathered = place->second;
    if (!first) {
      if (gathered.count == 0) {
        gathered.first = std::move(ended);
      } else if (!ended.name.empty() && gathered.first.reason.size() + ended.name.size() < kReasonBytes) {
        gathered.first.reason += "; also " + ended.name;
      }
      ++gathered.count;
      return;
    }
    gathered.since = clock_();
  }
  append_ended(ended, 1);
}

void Recorder::flush_gathered(entry::Micros gathered_for) {
  std::vector<Gathered> ready;
  const entry::Micros now = clock_();
  {
    const std::lock_guard lock(mutex_);
    for (auto i = gathered_.begin(); i != gathered_.end();) {
      if (has_passed(gathered_for, i->second.since, now)) {
        if (i->second.count > 0) ready.push_back(std::move(i->second));
        i = gathered_.erase(i);
      } else {
        ++i;
      }
    }
  }
  for (const Gathered& gathered : ready) append_ended(gathered.first, gathered.count);
}

void Recorder::tick() {
  const bool before = available_;
  available_ = ledger_.writable();
  if (before != available_) log_(available_ ? "the ledger answers again" : "the ledger takes no entries");
  give_up(std::chrono::steady_clock::now());
  if (!available_) return;
  std::vector<Unresolved> again;
  {
    const std::lock_guard lock(mutex_);
    again.swap(unresolved_);
  }
  for (Unresolved& one : again) submit(std::move(one));
  flush_gathered(kMinute);
}

void Recorder::finish(std::chrono::milliseconds longest) {
  flush_gathered(0);
  give_up(std::chrono::steady_clock::time_point::max());
  {
    std::unique_lock lock(mutex_);
    idle_.wait_for(lock, longest, [this] { return outstanding_ == 0; });
  }
  give_up(std::chrono::steady_clock::time_point::max());
}

}  // namespace chancery::transfer
