#include "daemon/transfer/reading.h"

#include <algorithm>
#include <system_error>

namespace chancery::transfer {

namespace {

constexpr entry::Micros kMinute = 60'000'000;
constexpr std::size_t kMostIntervals = 64;  // of one account and object; a client has one, or a few
constexpr std::string_view kDelivery = "A delivery to";
constexpr entry::Micros kKeptAfterAcknowledging = 7LL * 24 * 60 * kMinute;

entry::Event delivery_event(const std::string& name, const Caller& caller, const Delivery& delivery) {
  entry::Event event;
  event.id = entry::new_id();
  event.name = name;
  event.plain = {{"agency", delivery.agency}, {"object", delivery.object}, {"transfer", delivery.transfer}};
  event.committed = {{"account", caller.user}, {"address", caller.address}, {"key", caller.key}};
  return event;
}

constexpr const char* kLedgerUnavailable = "ledger-unavailable";

Problem not_recorded() {
  return {Problem::Kind::failed,
          "The hub cannot record who reads what at the moment, so nothing can be collected. Please try again "
          "later.",
          kLedgerUnavailable};
}

}  // namespace

Reading::Reading(Counter& counter, Post post, Caller caller, Delivery delivery, object::Object object)
    : counter_(counter),
      post_(std::move(post)),
      caller_(std::move(caller)),
      delivery_(std::move(delivery)),
      object_(std::make_shared<const object::Object>(std::move(object))) {}

void Reading::read(std::uint64_t offset, std::uint32_t length, Data done) {
  post_([trouble = &counter_.trouble_, agency = delivery_.agency, object = object_, offset, length,
         done = std::move(done)] {
    try {
      if (offset >= object->size()) return done(std::vector<std::uint8_t>());
      done(object->read(offset, length));
    } catch (const std::exception& error) {
      trouble->tell(kDelivery, agency, error.what());
      done(Problem{Problem::Kind::failed, "The hub could not read this delivery. Please tell the hub."});
    }
  });
}

void Reading::sent(std::uint64_t from, std::uint64_t to) const {
  counter_.sent(caller_, delivery_, from, to);
}

Counter::Counter(const object::ObjectStore& objects, Projection& projection, Recorder& recorder,
                 Trouble& trouble, Clock clock)
    : objects_(objects),
      projection_(projection),
      recorder_(recorder),
      trouble_(trouble),
      clock_(std::move(clock)) {}

void Counter::open(const Caller& caller, const Delivery& delivery, Post post, Opened done) {
  if (!recorder_.available()) return done(not_recorded());
  const Post on_worker = post;
  on_worker([this, caller, delivery, post = std::move(post), done = std::move(done)]() mutable {
    std::optional<object::Object> object;
    try {
      object = objects_.open(delivery.object);
      if (!object) trouble_.tell(kDelivery, delivery.agency, "its object is not there");
    } catch (const std::exception& error) {
      trouble_.tell(kDelivery, delivery.agency, error.what());
    }
    if (!object)
      return done(
          Problem{Problem::Kind::failed, "The hub cannot find this delivery's object. Please tell the hub."});
    record_opened(
        std::shared_ptr<Reading>(new Reading(*this, std::move(post), caller, delivery, std::move(*object))),
        done);
  });
}

void Counter::record_opened(const std::shared_ptr<Reading>& reading, const Opened& done) {
  const Key key(reading->delivery_.object, reading->caller_.user);
  bool lately = false;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(opened_,
                  [now = clock_()](const auto& one) { return has_passed(kMinute, one.second, now); });
    lately = opened_.contains(key);
    if (!lately) {
      const auto [place, first] = opening_.try_emplace(key);
      place->second.push_back([reading, done](bool recorded) {
        if (recorded) return done(reading);
        done(not_recorded());
      });
      if (!first) return;
    }
  }
  if (lately) return done(reading);
  try {
    recorder_.record({delivery_event("delivery.opened", reading->caller_, reading->delivery_)},
                     [this, key](const service::Appended& appended) {
                       opening_ended(key, appended.outcome == service::Outcome::durable);
                     },
                     {});
  } catch (const std::exception&) {
    opening_ended(key, false);
  }
}

void Counter::opening_ended(const Key& key, bool recorded) {
  std::vector<std::function<void(bool)>> waiting;
  {
    const std::lock_guard lock(mutex_);
    if (recorded) opened_[key] = clock_();
    if (auto ended = opening_.extract(key)) waiting = std::move(ended.mapped());
  }
  for (const auto& answer : waiting) answer(recorded);
}

void Counter::forget(const std::string& object) {
  for (auto i = sent_.lower_bound({object, {}}); i != sent_.end() && i->first.first == object;)
    i = sent_.erase(i);
}

void Counter::sent(const Caller& caller, const Delivery& delivery, std::uint64_t from, std::uint64_t to) {
  {
    const std::lock_guard lock(mutex_);
    if (whole_.contains(delivery.object) || acknowledging_.contains(delivery.object)) return;
    ByteSet& bytes = sent_[{delivery.object, caller.user}];
    bytes.add(from, to);
    if (bytes.intervals() > kMostIntervals) bytes = ByteSet();  // read a byte here and there
    if (!bytes.covers(delivery.sealed_size)) return;
    forget(delivery.object);
    whole_.insert(delivery.object);
  }
  const auto now = projection_.find_waiting(delivery.agency, delivery.route, delivery.shown_name);
  if (!now || now->object != delivery.object || now->collected) return;
  recorder_.record_surely({delivery_event("delivery.collected", caller, delivery)});
}

bool Counter::collected(const Delivery& delivery) {
  const std::lock_guard lock(mutex_);
  return delivery.collected || whole_.contains(delivery.object);
}

void Counter::acknowledge(const Caller& caller, const Delivery& delivery, const Done& done) {
  if (!collected(delivery))
    return done(
        Problem{Problem::Kind::denied,
                "This delivery has not been collected whole. Download it first; removing it then says that "
                "you take responsibility for it.",
                "not-collected"});
  if (!recorder_.available())
    return done(Problem{Problem::Kind::failed,
                        "The hub cannot record the acknowledgement at the moment. Please try again later.",
                        kLedgerUnavailable});
  {
    const std::lock_guard lock(mutex_);
    if (!acknowledging_.insert(delivery.object).second)
      return done(Problem{Problem::Kind::failed, "This delivery is being removed already."});
  }
  recorder_.record(
      {delivery_event("delivery.acknowledged", caller, delivery)},
      [done](const service::Appended& appended) {
        if (appended.outcome == service::Outcome::durable) return done(std::nullopt);
        done(Problem{Problem::Kind::failed,
                     "The hub could not record the acknowledgement. Please try again later.",
                     kLedgerUnavailable});
      },
      // Of an unknown outcome it is still being acknowledged, and by nobody else.
      [this, object = delivery.object](bool durable) {
        const std::lock_guard lock(mutex_);
        if (durable)
          forget(object);
        else
          acknowledging_.erase(object);
      });
}

void Counter::dispose_old() {
  for (const Delivery& delivery : projection_.disposable(clock_() - kKeptAfterAcknowledging)) {
    entry::Event event;
    event.id = entry::new_id();
    event.name = "object.disposed";
    event.plain = {{"code", "acknowledged"}, {"object", delivery.object}, {"transfer", delivery.transfer}};
    recorder_.record({std::move(event)}, {}, [this, object = delivery.object](bool durable) {
      if (durable) objects_.remove(object);
    });
  }
}

}  // namespace chancery::transfer
