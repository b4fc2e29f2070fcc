#include "daemon/transfer/projection.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <numeric>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace chancery::transfer {
namespace {

constexpr Micros kSecond = 1'000'000;
constexpr Micros kDay = 24 * 3600 * kSecond;

// file.accepted of `name` on the route, at a second that is its seq.
std::string accept(Projection& projection, std::uint64_t seq, const std::string& name) {
  entry::Event event;
  event.id = entry::new_id();
  event.name = "file.accepted";
  event.plain = {{"agency", "alpha"}, {"route", "flow"}, {"transfer", entry::to_hex(event.id)}};
  event.committed = {{"name", name}, {"size", std::to_string(seq)}};
  projection.apply(seq, static_cast<Micros>(seq) * kSecond, event);
  return event.plain.at("transfer");
}

std::vector<std::string> ids(const std::vector<Transfer>& transfers) {
  std::vector<std::string> result;
  for (const Transfer& transfer : transfers) result.push_back(transfer.id);
  return result;
}

using Ids = std::vector<std::string>;

TEST(ProjectionSent, ListsOfEachNameTheLastOneSinceAMoment) {
  Projection projection;
  accept(projection, 0, "a.csv");
  const auto b = accept(projection, 1, "b.csv");
  const auto again = accept(projection, 2, "a.csv");
  EXPECT_EQ(ids(projection.sent("alpha", "flow", 0)), (Ids{again, b}));
  EXPECT_EQ(ids(projection.sent("alpha", "flow", 2 * kSecond)), Ids{again});
  EXPECT_TRUE(projection.sent("alpha", "flow", 2 * kSecond + 1).empty());
  EXPECT_TRUE(projection.sent("alpha", "other", 0).empty());
  EXPECT_EQ(projection.find_sent("alpha", "flow", "a.csv", 0)->id, again);
  EXPECT_FALSE(projection.find_sent("alpha", "flow", "b.csv", 2 * kSecond));
}

TEST(ProjectionSent, AnOlderOneThatBecameKnownLateReplacesNothing) {
  Projection projection;
  accept(projection, 0, "b.csv");
  const auto newer = accept(projection, 3, "a.csv");
  const auto late = accept(projection, 2, "a.csv");
  const auto other = accept(projection, 1, "c.csv");
  EXPECT_EQ(projection.find_sent("alpha", "flow", "a.csv", 0)->id, newer);
  EXPECT_EQ(ids(projection.sent("alpha", "flow", kSecond)), (Ids{newer, other}));
  EXPECT_TRUE(projection.find_transfer(late)) << "it has its receipt all the same";
}

TEST(ProjectionSent, AListingCostsWhatItListsAndNotWhatWasEverSent) {
  Projection projection;
  constexpr std::uint64_t kEver = 100'000;
  for (std::uint64_t seq = 0; seq < kEver; ++seq)
    accept(projection, seq, "file-" + std::to_string(seq) + ".csv");
  const auto today = accept(projection, kEver + 2 * static_cast<std::uint64_t>(kDay / kSecond), "today.csv");
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000; ++i)
    ASSERT_EQ(ids(projection.sent("alpha", "flow", static_cast<Micros>(kEver) * kSecond)), Ids{today});
  // Going through all the names takes a minute.
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
}

struct Entry {
  Micros time;
  entry::Event event;
};

// Ids and digests as the hub makes them.
std::string id_of(char digit) { return std::string(32, digit); }
const std::string kDigest(64, '0');

// A transfer that was accepted, delivered and opened, one that was refused, and one that has the same name.
std::vector<Entry> past() {
  std::vector<Entry> entries;
  const auto add = [&](const char* name, const std::string& transfer, const std::string& object,
                       std::map<std::string, std::string> committed) {
    entry::Event event;
    event.name = name;
    const bool by_sender = event.name.starts_with("file.");
    event.plain = {{"agency", by_sender ? "alpha" : "beta"},
                   {"route", "flow"},
                   {"transfer", transfer},
                   {"object", object}};
    event.committed = std::move(committed);
    entries.push_back({static_cast<Micros>(entries.size() + 1) * kSecond, std::move(event)});
  };
  const auto accepted = [](const char* name) {
    return std::map<std::string, std::string>{
        {"name", name}, {"account", "ana"}, {"size", "7"}, {"sha256", kDigest}};
  };
  add("file.accepted", id_of('0'), "-", accepted("mary.csv"));
  add("delivery.made", id_of('0'), id_of('a'), {{"name", "mary.csv"}});
  add("delivery.opened", id_of('0'), id_of('a'), {{"account", "bea"}});
  add("file.refused", id_of('1'), "-",
      {{"name", "mary2.csv"}, {"account", "ana"}, {"reason", "mary is blocked"}});
  add("file.accepted", id_of('2'), "-", accepted("other.csv"));
  add("delivery.made", id_of('2'), id_of('c'), {{"name", "other.csv"}});
  entry::Event begun;
  begun.name = "erasure.begun";
  begun.plain = {{"basis", "request"}, {"seqs", "0-3"}};
  entries.push_back({20 * kSecond, begun});
  return entries;
}

std::string everything_in(const Projection& projection) {
  std::string all;
  const auto show = [&](const Transfer& one) {
    all += one.id + " " + one.name + " " + one.account + " " + std::to_string(one.size) + " " + one.sha256 +
           " " + one.reason;
    for (const Step& step : one.steps) all += " " + step.event + " " + step.account;
    all += "\n";
  };
  for (const char* agency : {"alpha", "beta"})
    for (const std::string& month : projection.months(agency))
      for (const Transfer& one : projection.outcomes(agency, month)) show(one);
  for (const Transfer& one : projection.sent("alpha", "flow", 0)) show(one);
  for (const Delivery& one : projection.waiting("beta", "flow"))
    all += one.object + " " + one.shown_name + "\n";
  return all;
}

TEST(ProjectionForgets, WhatIsErasedAsIfItHadNeverBeenOpened) {
  Projection learned;
  const auto entries = past();
  for (std::size_t seq = 0; seq + 1 < entries.size(); ++seq)
    learned.apply(seq, entries[seq].time, entries[seq].event);
  EXPECT_NE(everything_in(learned).find("mary"), std::string::npos);
  learned.apply(entries.size() - 1, entries.back().time, entries.back().event);

  Projection rebuilt;
  for (std::size_t seq = 0; seq < entries.size(); ++seq) {
    entry::Event event = entries[seq].event;
    if (seq <= 3) event.committed.clear();
    rebuilt.apply(seq, entries[seq].time, event);
  }
  EXPECT_EQ(everything_in(learned), everything_in(rebuilt));
  const std::string all = everything_in(learned);
  for (const char* gone : {"mary", "bea"}) EXPECT_EQ(all.find(gone), std::string::npos) << all;
  EXPECT_NE(all.find("other.csv ana 7 " + kDigest), std::string::npos) << all;
  EXPECT_TRUE(learned.find_sent("alpha", "flow", "erased-" + id_of('0'), 0));
  EXPECT_FALSE(learned.find_sent("alpha", "flow", "mary.csv", 0));
  EXPECT_TRUE(learned.find_waiting("beta", "flow", "erased-" + id_of('0') + ".age"));
}

// Whatever the hub, its agencies and an administrator could do in turn, so that names and contents come
// again.
class Life {
 public:
  explicit Life(unsigned seed) : random_(seed) {}

  const std::vector<Entry>& live(std::size_t steps) {
    for (std::size_t i = 0; i < steps; ++i) {
      const unsigned choice = pick(20);
      if (choice < 7)
        accept();
      else if (choice < 9)
        refuse();
      else if (choice < 19)
        step();
      else
        erase();
    }
    return entries_;
  }

  // The entries as they are read at the next start.
  std::vector<Entry> left() const {
    std::vector<Entry> entries = entries_;
    for (std::size_t seq = 0; seq < entries.size(); ++seq)
      if (erased_.contains(seq)) entries[seq].event.committed.clear();
    return entries;
  }

 private:
  using Fields = std::map<std::string, std::string>;

  unsigned pick(unsigned below) { return std::uniform_int_distribution<unsigned>(0, below - 1)(random_); }
  std::string any(const std::vector<std::string>& of) { return of[pick(static_cast<unsigned>(of.size()))]; }
  std::string new_id() {
    std::string id(32, '0');
    for (char& digit : id) digit = "0123456789abcdef"[pick(16)];
    return id;
  }
  void add(const std::string& name, Fields plain, Fields committed) {
    time_ += pick(10) == 0 ? kDay : kSecond;
    entries_.push_back({time_, {{}, name, std::move(plain), std::move(committed)}});
  }
  void accept() {
    const std::string transfer = new_id(), route = any({"flow", "other"}), from = any({"alpha", "beta"});
    const std::string name = "file-" + std::to_string(pick(4)) + ".csv";
    add("file.accepted", {{"agency", from}, {"route", route}, {"transfer", transfer}, {"outputs", "1"}},
        {{"name", name},
         {"account", from + "-upload"},
         {"size", std::to_string(pick(100))},
         {"sha256", std::string(64, any({"a", "b", "c"})[0])}});
    // Of deliveries that wait under one name an erasure lets others take it, but only at the next start: here
    // no two have one.
    for (const char* to : {"beta", "gamma"}) {
      objects_.push_back({new_id(), transfer, to});
      add("delivery.made",
          {{"agency", to},
           {"route", route},
           {"transfer", transfer},
           {"object", objects_.back().object},
           {"sealed-size", "200"},
           {"sealed-sha256", std::string(64, 'd')}},
          {{"name", std::to_string(entries_.size()) + name}, {"recipients", ""}});
    }
  }
  void refuse() {
    add(any({"file.refused", "file.abandoned"}),
        {{"agency", "alpha"},
         {"route", any({"flow", "-"})},
         {"transfer", new_id()},
         {"code", "too-large"},
         {"count", std::to_string(1 + pick(3))}},
        {{"name", "big.csv"}, {"account", "alpha-upload"}, {"reason", "It is too large."}, {"size", "9"}});
  }
  void step() {
    if (objects_.empty()) return;
    const auto& [object, transfer, agency] = objects_[pick(static_cast<unsigned>(objects_.size()))];
    const std::string name = any({"delivery.opened", "delivery.collected", "delivery.acknowledged",
                                  "delivery.recalled", "delivery.expired", "object.disposed"});
    add(name, {{"agency", agency}, {"object", object}, {"transfer", transfer}},
        name == "object.disposed" ? Fields() : Fields{{"account", agency + "-collect"}});
  }
  void erase() {
    if (entries_.empty()) return;
    const std::size_t first = pick(static_cast<unsigned>(entries_.size()));
    const std::size_t last = std::min(entries_.size() - 1, first + pick(4));
    for (std::size_t seq = first; seq <= last; ++seq) erased_.insert(seq);
    const std::string seqs =
        first == last ? std::to_string(first) : std::to_string(first) + "-" + std::to_string(last);
    for (const char* name : {"erasure.begun", "detail.erased"})
      add(name, {{"basis", "request"}, {"seqs", seqs}}, {});
  }

  struct Object {
    std::string object, transfer, agency;
  };
  std::mt19937 random_;
  Micros time_ = 1'790'000'000 * kSecond;
  std::vector<Entry> entries_;
  std::vector<Object> objects_;
  std::set<std::size_t> erased_;
};

void write_down(std::string& all, const Transfer& one) {
  all += one.id + " " + one.agency + " " + one.route + " " + one.name + " " + one.account + " " +
         std::to_string(one.size) + " " + one.sha256 + " " + std::to_string(static_cast<int>(one.outcome)) +
         " " + one.code + " " + one.reason + " " + std::to_string(one.count) + " " + std::to_string(one.time);
  if (one.same)
    all += " as " + one.same->transfer + " " + one.same->name + " " + std::to_string(one.same->time);
  for (const std::string& to : one.recipients) all += " to " + to;
  for (const Step& step : one.steps)
    all += "\n  " + std::to_string(step.seq) + " " + std::to_string(step.time) + " " + step.event + " " +
           step.agency + " " + step.account + " " + std::to_string(step.entry_bytes) + " " +
           std::to_string(step.openings_of_sender) + " " + std::to_string(step.openings_of_own);
  all += "\n";
}

void write_down(std::string& all, const Delivery& one) {
  all += one.object + " " + one.transfer + " " + one.agency + " " + one.route + " " + one.shown_name + " " +
         std::to_string(one.sealed_size) + " " + one.sealed_sha256 + " " + std::to_string(one.made) +
         (one.collected ? " collected" : "") +
         (one.acknowledged ? " " + std::to_string(*one.acknowledged) : "") +
         (one.disposed ? " disposed " : " ") + std::to_string(one.seq) + "\n";
}

// All that can be asked.
std::string all_of(const Projection& projection, Micros now) {
  std::string all = std::to_string(projection.applied()) + "\n";
  for (const char* agency : {"alpha", "beta", "gamma"}) {
    for (const std::string& month : projection.months(agency)) {
      all += month + "\n";
      for (const Transfer& one : projection.outcomes(agency, month)) write_down(all, one);
    }
    for (const char* route : {"flow", "other"}) {
      for (const Transfer& one : projection.sent(agency, route, 0)) write_down(all, one);
      for (const Transfer& one : projection.sent(agency, route, now - kDay)) write_down(all, one);
      for (const Delivery& one : projection.waiting(agency, route)) write_down(all, one);
    }
    all += std::to_string(projection.accepted_from(agency, now - kDay).files) + "\n";
  }
  std::vector<Delivery> disposable = projection.disposable(now);
  std::sort(disposable.begin(), disposable.end(),
            [](const Delivery& one, const Delivery& other) { return one.seq < other.seq; });
  for (const Delivery& one : disposable) write_down(all, one);
  return all;
}

TEST(ProjectionReplayed, IsWhatItWasWhenItWasLived) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    Life life(seed);
    const std::vector<Entry>& entries = life.live(300);
    Projection lived;
    for (std::size_t seq = 0; seq < entries.size(); ++seq)
      lived.apply(seq, entries[seq].time, entries[seq].event);
    Projection replayed;
    const std::vector<Entry> left = life.left();
    for (std::size_t seq = 0; seq < left.size(); ++seq) replayed.apply(seq, left[seq].time, left[seq].event);
    const Micros now = entries.back().time + kSecond;
    ASSERT_EQ(all_of(lived, now), all_of(replayed, now)) << "seed " << seed;
  }
}

// A batch whose outcome was unknown is learnt after later ones; its own entries come in their order.
TEST(ProjectionReplayed, IsWhatItWasWhenBatchesBecameKnownLate) {
  for (unsigned seed = 100; seed < 160; ++seed) {
    Projection lived, replayed;
    std::vector<std::uint64_t> order(40);
    std::iota(order.begin(), order.end(), 0);
    const auto apply = [&](Projection& projection, std::uint64_t seq) {
      entry::Event event;
      event.name = "file.accepted";
      std::string id = std::to_string(seq);
      id.insert(0, 32 - id.size(), '0');
      event.plain = {{"agency", "alpha"}, {"route", "flow"}, {"transfer", id}};
      event.committed = {{"name", "file-" + std::to_string(seq % (1 + seed % 7))},
                         {"sha256", std::string(64, "abcde"[seq * seed % 5])}};
      projection.apply(seq, static_cast<Micros>(seq + 1) * kSecond, event);
    };
    for (const std::uint64_t seq : order) apply(replayed, seq);
    std::shuffle(order.begin(), order.end(), std::mt19937(seed));
    for (const std::uint64_t seq : order) apply(lived, seq);
    EXPECT_EQ(lived.applied(), order.size());
    for (const std::uint64_t seq : order) {
      std::string id = std::to_string(seq);
      id.insert(0, 32 - id.size(), '0');
      std::string one, other;
      write_down(one, lived.find_transfer(id).value());
      write_down(other, replayed.find_transfer(id).value());
      EXPECT_EQ(one, other) << "seed " << seed;
    }
    EXPECT_EQ(ids(lived.sent("alpha", "flow", 0)), ids(replayed.sent("alpha", "flow", 0))) << "seed " << seed;
  }
}

}  // namespace
}  // namespace chancery::transfer
