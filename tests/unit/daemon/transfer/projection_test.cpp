#include "daemon/transfer/projection.h"

#include <chrono>
#include <map>

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

// A transfer that was accepted, delivered and opened, one that was refused, and one that has the same name.
std::vector<Entry> past() {
  std::vector<Entry> entries;
  const auto add = [&](const char* name, const char* transfer, const char* object,
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
        {"name", name}, {"account", "ana"}, {"size", "7"}, {"sha256", "00"}};
  };
  add("file.accepted", "t0", "-", accepted("mary.csv"));
  add("delivery.made", "t0", "o0", {{"name", "mary.csv"}});
  add("delivery.opened", "t0", "o0", {{"account", "bea"}});
  add("file.refused", "t1", "-", {{"name", "mary2.csv"}, {"account", "ana"}, {"reason", "mary is blocked"}});
  add("file.accepted", "t2", "-", accepted("other.csv"));
  add("delivery.made", "t2", "o2", {{"name", "other.csv"}});
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
  EXPECT_NE(all.find("other.csv ana 7 00"), std::string::npos) << all;
  EXPECT_TRUE(learned.find_sent("alpha", "flow", "erased-t0", 0));
  EXPECT_FALSE(learned.find_sent("alpha", "flow", "mary.csv", 0));
  EXPECT_TRUE(learned.find_waiting("beta", "flow", "erased-t0.age"));
}

}  // namespace
}  // namespace chancery::transfer
