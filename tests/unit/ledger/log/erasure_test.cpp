#include <future>
#include <set>

#include "ledger/log/epochs.h"
#include "ledger/log/keys.h"
#include "tests/unit/ledger/log/fixture.h"

namespace chancery::log {
namespace {

using std::filesystem::path;

class Erasing : public LogTest {
 protected:
  // Entries 1 to `count`, each with a name of its own.
  void fill(Log& log, std::size_t count) {
    for (std::size_t at = 0; at < count;) {
      std::vector<entry::Event> batch;
      for (; batch.size() < kMaxBatch && at < count; ++at)
        batch.push_back(accepted("name-" + std::to_string(at + 1)));
      ASSERT_EQ(log.append(entry::Author::hub, std::move(batch)).outcome, Outcome::durable);
    }
  }

  static std::future<Appended> begin(Log& log, Erase request) {
    auto answer = std::make_shared<std::promise<Appended>>();
    auto future = answer->get_future();
    log.erase(std::move(request), [answer](Appended appended) { answer->set_value(std::move(appended)); });
    return future;
  }
  static Appended erase(Log& log, const std::string& seqs, const std::string& basis = "request") {
    return begin(log, {seqs, basis, "case 7"}).get();
  }
  static Appended change_hold(Log& log, bool set, const std::string& seqs) {
    std::promise<Appended> answer;
    log.change_hold({set, seqs, "litigation", "dpo", "case 8"},
                    [&](Appended appended) { answer.set_value(std::move(appended)); });
    return answer.get_future().get();
  }

  static std::optional<std::string> name_at(const Log& log, std::uint64_t seq) {
    const auto found = log.entries(seq, 1, true);
    for (const auto& [field, opening] : found.at(0).openings)
      if (field == "name") return opening.value;
    return std::nullopt;
  }

  // The entries whose row in the table `opening` of a ledger's folder opens with the keys of a folder.
  static std::set<std::uint64_t> open_rows(const path& ledger, const path& keys) {
    const store::Store store = store::Store::open(ledger, store::Mode::read_only);
    const KeyFolder folder(keys);
    Epochs epochs(folder);
    std::set<std::uint64_t> open;
    store.snapshot().visit_openings(0, [&](std::uint64_t seq, std::span<const std::uint8_t> sealed) {
      if (epochs.unseal(seq, sealed)) open.insert(seq);
      return true;
    });
    return open;
  }

  // What a crash at this moment would leave.
  static void copy(const path& from, const path& to) {
    std::filesystem::create_directories(to / "ledger");
    std::filesystem::copy_file(from / "ledger" / "data.mdb", to / "ledger" / "data.mdb");
    std::filesystem::copy(from / "keys", to / "keys", std::filesystem::copy_options::recursive);
  }

  static std::set<std::string> epoch_files(const path& folder) {
    std::set<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(folder / "keys" / "epoch"))
      names.insert(file.path().filename());
    return names;
  }

  static std::size_t count(const Log& log, std::string_view event) {
    std::size_t found = 0;
    for (std::uint64_t seq = 0; seq < log.head().size; ++seq)
      if (entry_at(log, seq).event == event) ++found;
    return found;
  }

  // That exactly these are erased of entries 1 to `size`, and cannot come back.
  void expect_erased(const path& folder, std::uint64_t size, const std::set<std::uint64_t>& erased,
                     const path& backup) {
    const auto open = open_rows(folder / "ledger", folder / "keys");
    for (std::uint64_t seq = 1; seq <= size; ++seq)
      EXPECT_EQ(open.contains(seq), !erased.contains(seq)) << folder << " entry " << seq;
    EXPECT_EQ(epoch_files(folder), std::set<std::string>{"0"}) << folder;
    const auto still = open_rows(backup, folder / "keys");
    EXPECT_TRUE(still.empty()) << folder << ": the backup gives away " << still.size() << " entries";
  }
};

TEST_F(Erasing, ends_the_details_of_these_entries_and_of_no_others) {
  auto log = open();
  fill(*log, 20);
  copy(folder_, folder_ / "backup");
  const auto erased = erase(*log, "3,5-7");
  ASSERT_EQ(erased.outcome, Outcome::durable) << erased.reason;
  ASSERT_EQ(erased.seqs.size(), 2U);
  const entry::Entry begun = entry_at(*log, erased.seqs[0]);
  const entry::Entry ended = entry_at(*log, erased.seqs[1]);
  EXPECT_EQ(begun.event, "erasure.begun");
  EXPECT_EQ(ended.event, "detail.erased");
  EXPECT_EQ(ended.plain, begun.plain);
  EXPECT_EQ(ended.plain.at("seqs"), "3,5-7");
  EXPECT_EQ(log->entries(erased.seqs[1], 1, true).at(0).openings.at(0).opening.value, "case 7");
  for (const std::uint64_t seq : {3U, 5U, 6U, 7U}) EXPECT_EQ(name_at(*log, seq), std::nullopt);
  for (const std::uint64_t seq : {1U, 2U, 4U, 8U, 20U})
    EXPECT_EQ(name_at(*log, seq), "name-" + std::to_string(seq));
  fill(*log, 1);
  EXPECT_EQ(name_at(*log, erased.seqs[1] + 1), "name-1") << "the new key seals what comes after";
  log.reset();
  expect_erased(folder_, 20, {3, 5, 6, 7}, folder_ / "backup" / "ledger");
  EXPECT_EQ(name_at(*open(), 4), "name-4");
}

TEST_F(Erasing, can_be_interrupted_after_each_step) {
  std::size_t copies = 0;
  std::atomic<bool> recording = false;
  const auto test_thread = std::this_thread::get_id();
  Options watched = options();
  watched.clock.wall = [&] {
    if (recording && std::this_thread::get_id() != test_thread)
      copy(folder_, folder_ / ("crash-" + std::to_string(copies++)));
    return wall_.load();
  };
  auto log = std::make_unique<Log>(watched);
  fill(*log, 2500);
  copy(folder_, folder_ / "backup");
  recording = true;
  EXPECT_EQ(erase(*log, "1000-1010,2400").outcome, Outcome::durable);
  recording = false;
  log.reset();
  ASSERT_GE(copies, 6U) << "before, begun, two batches, wrapped, replaced";

  std::set<std::uint64_t> erased = {2400};
  for (std::uint64_t seq = 1000; seq <= 1010; ++seq) erased.insert(seq);
  expect_erased(folder_, 2500, erased, folder_ / "backup" / "ledger");
  std::set<std::set<std::string>> seen;
  std::size_t went_on = 0;
  for (std::size_t i = 0; i < copies; ++i) {
    const path crash = folder_ / ("crash-" + std::to_string(i));
    seen.insert(epoch_files(crash));
    Options after = options();
    after.folder = crash / "ledger";
    after.keys = crash / "keys";
    {
      Log again(after);
      if (count(again, "erasure.begun") == 0) continue;
      ++went_on;
      EXPECT_TRUE(soon([&] { return count(again, "detail.erased") == 1; })) << i;
      EXPECT_EQ(count(again, "erasure.begun"), 1U);
    }
    expect_erased(crash, 2500, erased, folder_ / "backup" / "ledger");
  }
  EXPECT_GE(went_on, 4U);
  EXPECT_TRUE(seen.contains({"0", "0.next"})) << "a copy was made while rows were wrapped";
}

TEST_F(Erasing, can_be_interrupted_while_the_key_is_replaced) {
  path wrapped;
  std::atomic<bool> recording = false;
  const auto test_thread = std::this_thread::get_id();
  std::size_t copies = 0;
  Options watched = options();
  watched.clock.wall = [&] {
    if (recording && std::this_thread::get_id() != test_thread && copies < 50)
      copy(folder_, folder_ / ("crash-" + std::to_string(copies++)));
    return wall_.load();
  };
  auto log = std::make_unique<Log>(watched);
  fill(*log, 20);
  copy(folder_, folder_ / "backup");
  recording = true;
  EXPECT_EQ(erase(*log, "4").outcome, Outcome::durable);
  recording = false;
  log.reset();
  for (std::size_t i = 0; i < copies; ++i) {
    const path crash = folder_ / ("crash-" + std::to_string(i));
    const store::Store store = store::Store::open(crash / "ledger", store::Mode::read_only);
    if (store.snapshot().meta("erasure").value_or("").ends_with("wrapped") &&
        epoch_files(crash).contains("0.next")) {
      wrapped = crash;
    }
  }
  ASSERT_FALSE(wrapped.empty());
  const auto rename = [](const path& folder, const char* from, const char* to) {
    std::filesystem::rename(folder / "keys" / "epoch" / from, folder / "keys" / "epoch" / to);
  };
  const std::vector<std::function<void(const path&)>> interruptions = {
      [](const path&) {},
      [&](const path& at) { rename(at, "0", "0.old"); },
      [&](const path& at) {
        rename(at, "0", "0.old");
        rename(at, "0.next", "0");
      },
      [&](const path& at) {
        rename(at, "0", "0.old");
        rename(at, "0.next", "0");
        std::filesystem::permissions(at / "keys" / "epoch" / "0.old", std::filesystem::perms(0600));
        std::filesystem::resize_file(at / "keys" / "epoch" / "0.old", 7);
      },
  };
  for (std::size_t i = 0; i < interruptions.size(); ++i) {
    const path at = folder_ / ("replaced-" + std::to_string(i));
    copy(wrapped, at);
    interruptions[i](at);
    Options after = options();
    after.folder = at / "ledger";
    after.keys = at / "keys";
    {
      Log again(after);
      EXPECT_EQ(name_at(again, 5), "name-5") << i;
      EXPECT_TRUE(soon([&] { return count(again, "detail.erased") == 1; })) << i;
      EXPECT_EQ(name_at(again, 5), "name-5") << i;
    }
    expect_erased(at, 20, {4}, folder_ / "backup" / "ledger");
  }
}

TEST_F(Erasing, appends_and_reading_go_on) {
  auto log = open();
  fill(*log, 3000);
  auto erased = begin(*log, {"1-10", "mistake", "ticket 4"});
  std::size_t appended = 0;
  while (erased.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    ASSERT_EQ(append(*log, accepted("meanwhile")).outcome, Outcome::durable);
    ++appended;
    ASSERT_EQ(name_at(*log, 11), "name-11");
    const auto newest = log->head().size - 1;
    const auto found = log->entries(newest, 1, true);
    for (const auto& [field, opening] : found.at(0).openings) EXPECT_FALSE(opening.value.empty());
  }
  EXPECT_EQ(erased.get().outcome, Outcome::durable);
  EXPECT_GT(appended, 0U);
  std::size_t readable = 0;
  for (std::uint64_t seq = 0; seq < log->head().size; ++seq)
    if (name_at(*log, seq)) ++readable;
  EXPECT_EQ(readable, 2990 + appended);
}

TEST_F(Erasing, one_at_a_time) {
  auto log = open();
  fill(*log, 2000);
  auto first = begin(*log, {"1", "request", "a"});
  auto second = begin(*log, {"2", "request", "b"});
  EXPECT_EQ(second.get().outcome, Outcome::busy);
  EXPECT_EQ(first.get().outcome, Outcome::durable);
  EXPECT_EQ(name_at(*log, 2), "name-2");
}

TEST_F(Erasing, is_refused_for_what_is_not_there_and_what_is_gone) {
  auto log = open();
  fill(*log, 5);
  const std::pair<Erase, const char*> wrong[] = {
      {{"6", "request", "r"}, "there is no entry 6"},
      {{"x", "request", "r"}, "numbers and ranges"},
      {{"3,2", "request", "r"}, "numbers and ranges"},
      {{"2", "boredom", "r"}, "request, retention, order, mistake"},
      {{"2", "request", ""}, "reference"},
      {{"2", "request", std::string(4097, 'r')}, "reference"},
  };
  for (const auto& [request, why] : wrong) {
    const auto answer = begin(*log, request).get();
    EXPECT_EQ(answer.outcome, Outcome::refused);
    EXPECT_NE(answer.reason.find(why), std::string::npos) << answer.reason;
  }
  EXPECT_EQ(log->head().size, 6U);
  EXPECT_EQ(erase(*log, "2,3").outcome, Outcome::durable);
  const auto again = erase(*log, "2-3");
  EXPECT_EQ(again.outcome, Outcome::refused);
  EXPECT_NE(again.reason.find("erased already"), std::string::npos) << again.reason;
  EXPECT_EQ(erase(*log, "2-4").outcome, Outcome::durable) << "one of them was not";
  EXPECT_TRUE(log->head().writable);
}

TEST_F(Erasing, a_hold_forbids_it_until_it_is_cleared) {
  auto log = open();
  fill(*log, 9);
  EXPECT_EQ(change_hold(*log, true, "4,5-6").outcome, Outcome::durable);
  EXPECT_EQ(change_hold(*log, true, "4-6").outcome, Outcome::refused) << "it is the same";
  ASSERT_EQ(log->holds().size(), 1U);
  EXPECT_EQ(log->holds()[0].seqs, "4-6");
  log.reset();
  log = open();
  const auto held = erase(*log, "6-7");
  EXPECT_EQ(held.outcome, Outcome::refused);
  EXPECT_NE(held.reason.find("entries 4-6 are on hold (litigation)"), std::string::npos) << held.reason;
  EXPECT_EQ(erase(*log, "7").outcome, Outcome::durable);
  EXPECT_EQ(change_hold(*log, false, "5").outcome, Outcome::refused);
  EXPECT_EQ(change_hold(*log, true, "99").outcome, Outcome::refused);
  EXPECT_EQ(change_hold(*log, false, "4-6").outcome, Outcome::durable);
  EXPECT_TRUE(log->holds().empty());
  EXPECT_EQ(erase(*log, "6-7").outcome, Outcome::durable);
  EXPECT_EQ(count(*log, "hold.set"), 1U);
  EXPECT_EQ(count(*log, "hold.cleared"), 1U);
}

TEST_F(Erasing, a_damaged_row_of_another_entry_does_not_stop_it) {
  auto log = open();
  fill(*log, 9);
  log.reset();
  {
    auto store = store::Store::open(folder_ / "ledger", store::Mode::read_write);
    store::Batch batch;
    batch.resealed[5] = {1, 2, 3};
    store.commit(batch);
  }
  Options told = options();
  std::promise<std::string> alarm;
  told.alarm = [&](bool, const std::string& what) { alarm.set_value(what); };
  log = std::make_unique<Log>(told);
  EXPECT_EQ(erase(*log, "4").outcome, Outcome::durable);
  const std::string said = alarm.get_future().get();
  EXPECT_NE(said.find("the details of 1 other"), std::string::npos) << said;
  EXPECT_EQ(name_at(*log, 6), "name-6");
}

TEST_F(Erasing, who_waits_is_answered_when_the_service_stops) {
  auto log = open();
  fill(*log, 3000);
  auto erased = begin(*log, {"1-10", "mistake", "ticket 4"});
  log->close();
  const auto outcome = erased.get().outcome;
  EXPECT_TRUE(outcome == Outcome::unknown || outcome == Outcome::durable || outcome == Outcome::busy);
  EXPECT_EQ(begin(*log, {"1-10", "mistake", "ticket 4"}).get().outcome, Outcome::busy);
}

}  // namespace
}  // namespace chancery::log
