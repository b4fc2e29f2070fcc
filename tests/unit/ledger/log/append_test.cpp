#include <future>
#include <map>
#include <mutex>
#include <set>

#include "ledger/opening/opening.h"
#include "tests/unit/ledger/log/fixture.h"

namespace chancery::log {
namespace {

using Append = LogTest;

// Walks the whole ledger: every entry parses, continues the one before and opens; answers the size.
std::uint64_t check_whole(const Log& log) {
  merkle::Hash prev = entry::genesis_prev(log.origin());
  merkle::Frontier tree;
  std::vector<merkle::Hash> stored;
  entry::Micros time = 0;
  const Head head = log.head();
  while (tree.size() < head.size) {
    for (const StoredEntry& one : log.entries(tree.size(), kMaxBatch, true)) {
      if (tree.size() == head.size) break;
      const auto entry = std::get<entry::Entry>(entry::parse(one.text));
      EXPECT_EQ(entry.text(), one.text);
      EXPECT_EQ(entry.seq, tree.size());
      EXPECT_EQ(entry.prev, prev);
      EXPECT_GE(entry.time, time);
      EXPECT_EQ(log.find(entry.id), entry.seq);
      EXPECT_EQ(one.openings.size(), entry.commitments.size());
      for (const auto& [field, opening] : one.openings) {
        EXPECT_TRUE(opening::opens(opening, entry.commitments.at(field), log.origin(), entry.id, field));
      }
      prev = merkle::leaf_hash(one.text);
      time = entry.time;
      tree.append(prev, stored);
    }
  }
  EXPECT_EQ(tree.root(), head.root);
  return tree.size();
}

TEST_F(Append, begins_with_genesis_and_goes_on_after_reopening) {
  auto log = open();
  EXPECT_EQ(entry_at(*log, 0).event, "log.genesis");
  EXPECT_EQ(append(*log, accepted("a")).seqs, std::vector<std::uint64_t>{1});
  EXPECT_EQ(append(*log, accepted("b")).seqs, std::vector<std::uint64_t>{2});
  EXPECT_EQ(check_whole(*log), 3U);
  log.reset();
  log = open();
  EXPECT_EQ(entry_at(*log, 3).event, "log.anchor");
  EXPECT_EQ(append(*log, accepted("c")).seqs, std::vector<std::uint64_t>{4});
  EXPECT_EQ(check_whole(*log), 5U);
}

TEST_F(Append, the_same_id_with_the_same_fields_answers_the_old_place) {
  auto log = open();
  const entry::Event event = accepted("a");
  const Appended first = append(*log, event);
  wall_ += 10;
  append(*log, accepted("b"));
  for (int round = 0; round < 2; ++round) {
    const Appended again = append(*log, event);
    EXPECT_EQ(again.outcome, Outcome::durable);
    EXPECT_EQ(again.seqs, first.seqs);
    EXPECT_EQ(again.times, first.times);
    log.reset();
    log = open();
  }
  EXPECT_EQ(check_whole(*log), 3U + 2U);  // two anchors
}

TEST_F(Append, the_same_id_with_other_fields_is_refused) {
  const auto log = open();
  const entry::Event event = accepted("a");
  ASSERT_EQ(append(*log, event).outcome, Outcome::durable);
  entry::Event other_value = event;
  other_value.committed["name"] = "b";
  entry::Event other_plain = event;
  other_plain.plain["route"] = "r2";
  entry::Event other_name = event;
  other_name.name = "file.held";
  for (const entry::Event& other : {other_value, other_plain, other_name}) {
    const Appended answer = append(*log, other);
    EXPECT_EQ(answer.outcome, Outcome::refused);
    EXPECT_NE(answer.reason.find("other fields"), std::string::npos) << answer.reason;
  }
  EXPECT_EQ(log->head().size, 2U);
}

TEST_F(Append, repetitions_in_one_drain_share_a_place) {
  const auto log = open();
  const entry::Event event = accepted("a");
  entry::Event other = event;
  other.committed["name"] = "b";
  std::vector<std::future<Appended>> same;
  std::vector<std::future<Appended>> different;
  const auto submit = [&](const entry::Event& what, std::vector<std::future<Appended>>& answers) {
    auto answer = std::make_shared<std::promise<Appended>>();
    answers.push_back(answer->get_future());
    log->submit(entry::Author::hub, {what},
                [answer](Appended appended) { answer->set_value(std::move(appended)); });
  };
  submit(event, same);
  for (int i = 0; i < 200; ++i) {
    submit(event, same);
    submit(other, different);
  }
  for (auto& answer : same) EXPECT_EQ(answer.get().seqs, std::vector<std::uint64_t>{1});
  for (auto& answer : different) EXPECT_EQ(answer.get().outcome, Outcome::refused);
  EXPECT_EQ(log->head().size, 2U);
}

TEST_F(Append, a_batch_is_appended_whole_or_not_at_all) {
  const auto log = open();
  const entry::Event known = accepted("a");
  append(*log, known);
  entry::Event misses_a_field = accepted("c");
  misses_a_field.plain.erase("route");
  const entry::Event twice = accepted("d");
  entry::Event for_others = accepted("e");
  for_others.name = "clock.stepped";
  for_others.plain = {{"by-ms", "1"}};
  for_others.committed.clear();
  for (const auto& batch : std::vector<std::vector<entry::Event>>{{accepted("b"), known},
                                                                  {accepted("b"), misses_a_field},
                                                                  {twice, twice},
                                                                  {accepted("b"), for_others},
                                                                  {}}) {
    EXPECT_EQ(log->append(entry::Author::hub, batch).outcome, Outcome::refused);
  }
  EXPECT_EQ(log->append(entry::Author::hub, std::vector<entry::Event>(kMaxBatch + 1, known)).outcome,
            Outcome::refused);
  EXPECT_EQ(log->append(entry::Author::administrator, {accepted("x")}).outcome, Outcome::refused);
  EXPECT_EQ(log->head().size, 2U);
  const Appended both = log->append(entry::Author::hub, {accepted("f"), accepted("g")});
  EXPECT_EQ(both.seqs, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(check_whole(*log), 4U);
}

TEST_F(Append, a_repetition_of_what_is_on_its_way_to_the_disk_waits_for_it) {
  const auto log = open();
  std::vector<entry::Event> events;
  for (int i = 0; i < 3000; ++i) events.push_back(accepted("x"));
  std::mutex mutex;
  std::map<entry::EventId, std::set<std::uint64_t>> places;
  const auto submit = [&](const entry::Event& event) {
    log->submit(entry::Author::hub, {event}, [&, id = event.id](const Appended& answer) {
      const std::scoped_lock lock(mutex);
      EXPECT_EQ(answer.outcome, Outcome::durable) << answer.reason;
      if (answer.outcome == Outcome::durable) places[id].insert(answer.seqs.at(0));
    });
  };
  for (std::size_t i = 0; i < events.size(); ++i) {
    submit(events[i]);
    if (i % 3 == 0) submit(events[i / 2]);
    if (i % 50 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
  }
  std::promise<void> drained;
  log->when_drained([&] { drained.set_value(); });
  drained.get_future().wait();
  EXPECT_EQ(places.size(), events.size());
  for (const auto& [id, seqs] : places) EXPECT_EQ(seqs.size(), 1U) << entry::to_hex(id) << " has two places";
  EXPECT_EQ(check_whole(*log), 1 + events.size());
}

TEST_F(Append, many_callers_at_once_each_get_their_own_place) {
  const auto log = open();
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kEach = 300;
  std::vector<std::thread> threads;
  std::vector<std::vector<std::uint64_t>> seqs(kThreads);
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < kEach; ++i) seqs[t].push_back(append(*log, accepted("x")).seqs.at(0));
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::uint64_t> all;
  for (const auto& some : seqs) all.insert(some.begin(), some.end());
  EXPECT_EQ(all.size(), kThreads * kEach);
  EXPECT_EQ(check_whole(*log), 1 + kThreads * kEach);
}

TEST_F(Append, a_full_queue_pushes_back_and_loses_nothing) {
  const auto log = open();
  std::atomic<std::size_t> durable = 0;
  std::atomic<std::size_t> busy = 0;
  std::atomic<std::size_t> other = 0;
  std::vector<entry::Event> batch;
  for (std::size_t i = 0; i < kMaxBatch; ++i) batch.push_back(accepted("x"));
  // A completion holds the writer up, so that what follows has to wait in the queue.
  std::promise<void> go;
  auto gate = go.get_future();
  log->submit(entry::Author::hub, {accepted("first")}, [&](const Appended&) { gate.wait(); });
  for (int i = 0; i < 20; ++i) {
    for (entry::Event& event : batch) event.id = entry::new_id();
    log->submit(entry::Author::hub, batch, [&](const Appended& answer) {
      if (answer.outcome == Outcome::durable) durable += answer.seqs.size();
      if (answer.outcome == Outcome::busy) ++busy;
      if (answer.outcome != Outcome::durable && answer.outcome != Outcome::busy) ++other;
    });
  }
  go.set_value();
  std::promise<void> drained;
  log->when_drained([&] { drained.set_value(); });
  drained.get_future().wait();
  EXPECT_GT(busy, 0U);
  EXPECT_EQ(other, 0U);
  EXPECT_EQ(durable + busy * kMaxBatch, 20 * kMaxBatch);
  EXPECT_EQ(log->head().size, 2 + durable);
}

TEST_F(Append, an_epoch_ends_and_the_next_has_its_own_key) {
  const auto log = open();
  std::vector<entry::Event> batch;
  const std::size_t most = opening::kEpochSize + 500;
  for (std::uint64_t size = 1; size < most; size += kMaxBatch) {
    batch.clear();
    for (std::size_t i = 0; i < kMaxBatch; ++i) {
      entry::Event event;
      event.id = entry::new_id();
      event.name = "policy.activated";
      event.plain = {{"files", "1"}, {"policy", "p"}};
      event.committed = {{"summary", "s"}};
      batch.push_back(std::move(event));
    }
    ASSERT_EQ(log->append(entry::Author::hub, std::move(batch)).outcome, Outcome::durable);
  }
  EXPECT_TRUE(std::filesystem::exists(folder_ / "keys/epoch/0"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "keys/epoch/1"));
  EXPECT_GT(check_whole(*log), most);
}

TEST_F(Append, a_full_map_refuses_for_now_and_still_reads) {
  map_bytes_ = std::size_t{1} << 20;
  {
    const auto log = open();
    Appended last;
    do {
      last = append(*log, accepted("x"));
    } while (last.outcome == Outcome::durable);
    EXPECT_EQ(last.outcome, Outcome::busy);
    EXPECT_NE(last.reason.find("full"), std::string::npos);
    EXPECT_TRUE(log->head().writable);
    check_whole(*log);
  }
  map_bytes_ = std::size_t{16} << 20;
  const auto log = open();
  EXPECT_EQ(append(*log, accepted("x")).outcome, Outcome::durable);
  check_whole(*log);
}

TEST_F(Append, a_step_of_the_clock_is_recorded_also_if_a_full_map_refused_what_came_first) {
  map_bytes_ = std::size_t{1} << 20;
  const auto log = open();
  const auto append_many = [&] {
    std::vector<entry::Event> batch;
    for (int i = 0; i < 200; ++i) batch.push_back(accepted("x"));
    return log->append(entry::Author::hub, std::move(batch)).outcome;
  };
  while (append_many() == Outcome::durable) continue;
  wall_ += 60'000'000;
  EXPECT_EQ(append_many(), Outcome::busy);
  const auto one = append(*log, accepted("x"));
  ASSERT_EQ(one.outcome, Outcome::durable) << one.reason;
  const auto before = entry_at(*log, one.seqs.at(0) - 1);
  EXPECT_EQ(before.event, "clock.stepped");
  EXPECT_EQ(before.plain.at("by-ms"), "60000");
  const auto next = append(*log, accepted("x"));
  EXPECT_EQ(next.seqs.at(0), one.seqs.at(0) + 1) << "and once";
}

TEST_F(Append, a_disk_that_is_nearly_full_takes_nothing_and_is_still_read) {
  Options little = options();
  little.disk_reserve = std::uint64_t{1} << 62;
  try {
    const Log log(little);
    ADD_FAILURE() << "a ledger was begun on a full disk";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("disk is full"), std::string::npos) << error.what();
  }
  ASSERT_EQ(append(*open(), accepted("x")).outcome, Outcome::durable);
  {
    std::string alarm;
    little.alarm = [&](bool writable, const std::string& what) { alarm = writable ? "" : what; };
    Log log(little);
    EXPECT_NE(alarm.find("disk is full"), std::string::npos) << alarm;
    EXPECT_FALSE(log.head().writable);
    EXPECT_NE(log.head().reason.find("disk is full"), std::string::npos) << log.head().reason;
    const std::uint64_t size = log.head().size;
    EXPECT_EQ(append(log, accepted("y")).outcome, Outcome::busy);
    log.close();
    EXPECT_EQ(log.head().size, size);
    check_whole(log);
  }
  const auto log = open();
  EXPECT_EQ(append(*log, accepted("y")).outcome, Outcome::durable);
  check_whole(*log);
}

TEST_F(Append, a_map_that_fills_up_under_load_leaves_a_whole_chain) {
  map_bytes_ = std::size_t{4} << 20;
  const auto log = open();
  std::atomic<std::uint64_t> durable = 0;
  std::atomic<std::uint64_t> busy = 0;
  std::atomic<std::uint64_t> other = 0;
  for (int i = 0; i < 200; ++i) {
    std::vector<entry::Event> batch;
    for (int j = 0; j < 40; ++j) batch.push_back(accepted("x"));
    log->submit(entry::Author::hub, std::move(batch), [&](const Appended& answer) {
      auto& count = answer.outcome == Outcome::durable ? durable
                    : answer.outcome == Outcome::busy  ? busy
                                                       : other;
      count += answer.outcome == Outcome::durable ? answer.seqs.size() : 1;
    });
  }
  std::promise<void> drained;
  log->when_drained([&] { drained.set_value(); });
  drained.get_future().wait();
  EXPECT_GT(busy, 0U);
  EXPECT_EQ(other, 0U);
  EXPECT_GT(durable, 0U);
  EXPECT_TRUE(log->head().writable);
  EXPECT_EQ(check_whole(*log), 1 + durable);
}

TEST_F(Append, nothing_is_taken_after_close) {
  const auto log = open();
  log->close();
  EXPECT_EQ(append(*log, accepted("x")).outcome, Outcome::busy);
  bool answered = false;
  log->when_drained([&] { answered = true; });
  EXPECT_TRUE(answered);
}

}  // namespace
}  // namespace chancery::log
