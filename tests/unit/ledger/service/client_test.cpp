#include "ledger/service/client.h"

#include <future>
#include <set>

#include "ledger/opening/opening.h"
#include "tests/unit/ledger/service/fixture.h"

namespace chancery::service {
namespace {

using std::chrono::seconds;
using ClientTest = ServiceTest;

TEST_F(ClientTest, appends_reads_finds_and_proves) {
  start();
  Client client(options_.socket, Role::hub);
  EXPECT_EQ(client.head().size, 1U);
  const entry::Event event = accepted("oct.csv");
  const Appended appended = client.append({event, accepted("b")}, seconds(5));
  ASSERT_EQ(appended.outcome, Outcome::durable) << appended.reason;
  EXPECT_EQ(appended.seqs, (std::vector<std::uint64_t>{1, 2}));
  const Head head = client.head();
  EXPECT_EQ(head.size, 3U);
  EXPECT_EQ(head.origin, "hub.example.org/ledger");
  EXPECT_EQ(client.find(event.id), 1U);
  EXPECT_EQ(client.find(entry::new_id()), std::nullopt);

  const auto entries = client.entries(1, 10, true);
  ASSERT_EQ(entries.size(), 2U);
  const auto entry = std::get<entry::Entry>(entry::parse(entries[0].text));
  EXPECT_EQ(entry.time, appended.times[0]);
  ASSERT_EQ(entries[0].openings.size(), event.committed.size());
  for (const auto& [field, opening] : entries[0].openings) {
    EXPECT_EQ(opening.value, event.committed.at(field));
    EXPECT_TRUE(opening::opens(opening, entry.commitments.at(field), head.origin, event.id, field));
  }
  EXPECT_TRUE(client.entries(3, 10, true).empty());
  EXPECT_TRUE(
      merkle::verify_inclusion(1, 3, merkle::leaf_hash(entries[0].text), client.inclusion(1, 3), head.root));
  EXPECT_TRUE(merkle::verify_consistency(3, 3, head.root, head.root, client.consistency(3, 3)));
  EXPECT_THROW(client.inclusion(1, 4), Unavailable);
  EXPECT_TRUE(client.checkpoint());
}

TEST_F(ClientTest, kept_checkpoints_are_read_one_page_after_another) {
  for (int round = 0; round < 3; ++round) {  // each end leaves an anchor, and checkpoints before and after
    start();
    stop();
  }
  start();
  Client client(options_.socket, Role::reader);
  const auto all = client.checkpoints(0, 0, 1000);
  ASSERT_GE(all.size(), 4U);
  EXPECT_EQ(all.front().size, 1U);
  EXPECT_EQ(all.back().note, client.checkpoint());
  std::vector<StoredCheckpoint> one_by_one;
  std::uint64_t size = 0;
  entry::Micros time = 0;
  for (auto page = client.checkpoints(size, time, 1); !page.empty();
       page = client.checkpoints(size, time, 1)) {
    ASSERT_EQ(page.size(), 1U);
    size = page[0].size;
    time = page[0].time + 1;
    one_by_one.push_back(std::move(page[0]));
  }
  EXPECT_TRUE(std::ranges::equal(one_by_one, all, [](const auto& a, const auto& b) {
    return a.size == b.size && a.time == b.time && a.note == b.note;
  }));
  EXPECT_TRUE(client.checkpoints(0, 0, 0).empty());
  EXPECT_TRUE(client.checkpoints(all.back().size + 1, 0, 10).empty());
}

// Some are being read while the answers to others are on their way.
TEST_F(ClientTest, large_batches_follow_on_each_other) {
  start();
  Client client(options_.socket, Role::hub);
  std::vector<std::future<Appended>> answers;
  for (int i = 0; i < 30; ++i) {
    auto answer = std::make_shared<std::promise<Appended>>();
    answers.push_back(answer->get_future());
    client.submit({accepted(std::string(std::size_t{1} << 20, 'x'))}, seconds(60),
                  [answer](Appended appended) { answer->set_value(std::move(appended)); });
  }
  for (auto& answer : answers) {
    const Appended appended = answer.get();
    ASSERT_EQ(appended.outcome, Outcome::durable) << appended.reason;
  }
}

// More than are asked for ahead, and a page's worth of them larger than one answer.
TEST_F(ClientTest, a_whole_ledger_is_visited_over_all_its_pages) {
  start();
  Client client(options_.socket, Role::hub);
  std::vector<entry::Event> events{{}};  // log.genesis
  for (std::size_t made = 0; made < 900; made += 300) {
    std::vector<entry::Event> batch;
    for (std::size_t i = 0; i < 300; ++i) batch.push_back(accepted("file " + std::to_string(made + i)));
    events.insert(events.end(), batch.begin(), batch.end());
    ASSERT_EQ(client.append(std::move(batch), seconds(60)).outcome, Outcome::durable);
  }
  for (int i = 0; i < 12; ++i) {
    events.push_back(accepted(std::string(std::size_t{1} << 20, 'x')));
    ASSERT_EQ(client.append({events.back()}, seconds(60)).outcome, Outcome::durable);
  }
  const auto visit = [&](std::uint64_t from, std::uint64_t end, bool with_openings) {
    std::uint64_t expected = from;
    client.visit_entries(from, end, with_openings, [&](std::uint64_t seq, const EntryView& one) {
      ASSERT_EQ(seq, expected++);
      entry::EntryView parsed;
      ASSERT_FALSE(entry::parse_into(one.text, parsed));
      EXPECT_EQ(parsed.seq, seq);
      if (seq == 0) return;
      EXPECT_EQ(parsed.id, events.at(seq).id);
      const std::map<std::string, std::string> details(one.details.begin(), one.details.end());
      EXPECT_EQ(details, with_openings ? events.at(seq).committed : (std::map<std::string, std::string>()));
    });
    EXPECT_EQ(expected, std::max(from, end));
  };
  visit(0, events.size(), true);
  visit(130, 700, false);
  visit(events.size() - 1, events.size(), true);
  visit(5, 5, true);
  EXPECT_THROW(visit(0, events.size() + 1, true), Unavailable);
  Client stranger(folder_ / "nowhere", Role::hub);
  EXPECT_THROW(stranger.visit_entries(0, 1, true, [](std::uint64_t, const EntryView&) {}), Unavailable);
}

// Twice as many as fit into one answer: leaves and nodes, in the order in which they were completed.
TEST_F(ClientTest, stored_hashes_are_read_one_page_after_another) {
  start();
  Client client(options_.socket, Role::hub);
  constexpr std::uint64_t kSize = 8192;
  for (std::uint64_t size = 1; size < kSize; size += 1023) {
    std::vector<entry::Event> batch;
    for (std::uint64_t i = size; i < std::min(kSize, size + 1023); ++i) batch.push_back(accepted("x"));
    ASSERT_EQ(client.append(std::move(batch), seconds(60)).outcome, Outcome::durable);
  }
  merkle::Frontier tree;
  std::vector<merkle::Hash> expected;
  for (std::uint64_t seq = 0; seq < kSize;) {
    for (const StoredEntry& entry : client.entries(seq, 1024, false)) {
      tree.append(merkle::leaf_hash(entry.text), expected);
      ++seq;
    }
  }
  std::vector<merkle::Hash> read;
  for (std::vector<merkle::Hash> some; !(some = client.hashes(read.size(), 1'000'000)).empty();) {
    EXPECT_LE(some.size(), kMaxHashes);
    read.insert(read.end(), some.begin(), some.end());
  }
  EXPECT_EQ(read, expected);
  EXPECT_EQ(client.hashes(5, 2), std::vector(expected.begin() + 5, expected.begin() + 7));
  EXPECT_TRUE(client.hashes(0, 0).empty());
}

TEST_F(ClientTest, hundreds_of_appends_are_on_their_way_at_once) {
  start();
  Client client(options_.socket, Role::hub);
  constexpr std::size_t kCount = 2000;
  std::mutex mutex;
  std::set<std::uint64_t> seqs;
  std::promise<void> all;
  for (std::size_t i = 0; i < kCount; ++i) {
    client.submit({accepted("x")}, seconds(20), [&](Appended appended) {
      const std::scoped_lock lock(mutex);
      EXPECT_EQ(appended.outcome, Outcome::durable) << appended.reason;
      if (appended.outcome == Outcome::durable) seqs.insert(appended.seqs.at(0));
      if (seqs.size() == kCount) all.set_value();
    });
  }
  EXPECT_EQ(all.get_future().wait_for(seconds(20)), std::future_status::ready);
  EXPECT_EQ(client.head().size, kCount + 1);
}

TEST_F(ClientTest, what_is_wrong_with_an_event_is_said) {
  start();
  Client client(options_.socket, Role::hub);
  entry::Event event = accepted("x");
  event.plain.erase("route");
  EXPECT_EQ(client.append({event}, seconds(5)).outcome, Outcome::refused);
  EXPECT_EQ(client.append({}, seconds(5)).outcome, Outcome::refused);
  const Appended wrong_role = client.append({admin_action()}, seconds(5));
  EXPECT_EQ(wrong_role.outcome, Outcome::refused);
  EXPECT_NE(wrong_role.reason.find("may not append"), std::string::npos);
  EXPECT_FALSE(wrong_role.try_again);
}

TEST_F(ClientTest, the_administrator_rotates_keys_and_nobody_else_does) {
  start();
  Client administrator(options_.socket, Role::administrator);
  const std::string first = administrator.keys().at(0).vkey;
  const std::uint32_t id = note::VerifierKey::parse(first)->id();
  for (const Role role : {Role::hub, Role::reader}) {
    Client other(options_.socket, role);
    EXPECT_EQ(other.keys().size(), 2U);
    for (const KeyChanged& no :
         {other.add_key(entry::new_id(), note::KeyType::ed25519, ""),
          other.retire_key(entry::new_id(), id, ""), other.revoke_key(entry::new_id(), id, 1, "")}) {
      EXPECT_EQ(no.outcome, Outcome::refused);
      EXPECT_NE(no.words.find("may not ask"), std::string::npos) << no.words;
    }
  }
  const auto event = entry::new_id();
  const KeyChanged added = administrator.add_key(event, note::KeyType::ed25519, "yearly");
  ASSERT_EQ(added.outcome, Outcome::durable) << added.words;
  EXPECT_EQ(administrator.add_key(event, note::KeyType::ed25519, "yearly").seq, added.seq);
  const KeyChanged retired = administrator.retire_key(entry::new_id(), id, "yearly");
  EXPECT_EQ(retired.outcome, Outcome::durable) << retired.words;
  const KeyChanged revoked = administrator.revoke_key(entry::new_id(), id, added.seq, "stolen");
  EXPECT_EQ(revoked.outcome, Outcome::durable) << revoked.words;
  const auto keys = administrator.keys();
  ASSERT_EQ(keys.size(), 3U);
  EXPECT_EQ(keys[0].last_trusted_size, added.seq);
  EXPECT_EQ(keys[2].seq, added.seq);
  EXPECT_EQ(keys[2].vkey, added.vkey);
  EXPECT_EQ(keys[2].last_trusted_size, std::nullopt);
}

TEST_F(ClientTest, the_administrator_erases_and_holds_and_nobody_else_does) {
  start();
  Client hub(options_.socket, Role::hub);
  ASSERT_EQ(hub.append({accepted("one"), accepted("two"), accepted("three")}, seconds(5)).outcome,
            Outcome::durable);
  Client reader(options_.socket, Role::reader);
  for (Client* other : {&hub, &reader}) {
    for (const Appended& no : {other->erase("1", "request", "case 7"),
                               other->change_hold({true, "1", "inquiry", "dpo", "case 8"})}) {
      EXPECT_EQ(no.outcome, Outcome::refused);
      EXPECT_NE(no.reason.find("may not ask"), std::string::npos) << no.reason;
    }
  }
  Client administrator(options_.socket, Role::administrator);
  const Appended held = administrator.change_hold({true, "1-2", "inquiry", "dpo", "case 8"});
  ASSERT_EQ(held.outcome, Outcome::durable) << held.reason;
  ASSERT_EQ(reader.holds().size(), 1U);
  EXPECT_EQ(reader.holds()[0].seqs, "1-2");
  EXPECT_EQ(reader.holds()[0].basis, "inquiry");
  EXPECT_EQ(administrator.erase("2,3", "request", "case 7").outcome, Outcome::refused);
  const Appended erased = administrator.erase("3", "request", "case 7");
  ASSERT_EQ(erased.outcome, Outcome::durable) << erased.reason;
  ASSERT_EQ(erased.seqs.size(), 2U);
  EXPECT_TRUE(hub.entries(3, 1, true).at(0).openings.empty());
  EXPECT_EQ(hub.entries(2, 1, true).at(0).openings.size(), 9U);
  EXPECT_EQ(administrator.change_hold({false, "1-2", "inquiry", "dpo", "case 8"}).outcome, Outcome::durable);
  EXPECT_TRUE(hub.holds().empty());
}

TEST_F(ClientTest, nobody_appends_what_only_the_service_may) {
  start();
  for (const char* name : {"log.key.add", "log.key.retire", "log.key.revoke"}) {
    entry::Event event;
    event.id = entry::new_id();
    event.name = name;
    event.plain = {{"vkey", "x"}, {"last-trusted-size", "1"}};
    event.committed = {{"reason", ""}};
    for (const Role role : {Role::hub, Role::administrator}) {
      Client client(options_.socket, role);
      const Appended no = client.append({event}, seconds(5));
      EXPECT_EQ(no.outcome, Outcome::refused);
      EXPECT_NE(no.reason.find("may not append"), std::string::npos) << no.reason;
    }
  }
}

TEST_F(ClientTest, without_a_service_nothing_was_sent_and_reading_throws) {
  Client client(options_.socket, Role::hub);
  const Appended appended = client.append({accepted("x")}, seconds(5));
  EXPECT_EQ(appended.outcome, Outcome::refused);
  EXPECT_TRUE(appended.try_again);
  EXPECT_THROW(client.head(), Unavailable);
  start();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(client.append({accepted("x")}, seconds(5)).outcome, Outcome::durable) << "did not connect again";
}

TEST_F(ClientTest, a_restart_is_survived_and_repetition_resolves_the_unknown) {
  start();
  Client client(options_.socket, Role::hub);
  const entry::Event event = accepted("x");
  const Appended first = client.append({event}, seconds(5));
  stop();
  start();
  Appended again;
  for (int i = 0; i < 50 && again.outcome != Outcome::durable; ++i) {
    again = client.append({event}, seconds(5));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(again.seqs, first.seqs);
  EXPECT_EQ(again.times, first.times);
}

TEST_F(ClientTest, a_deadline_that_passes_is_an_unknown_outcome) {
  // Somebody who listens and never answers.
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  options_.socket.native().copy(address.sun_path, sizeof address.sun_path - 1);
  const int silent = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(silent, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(silent, 4), 0);
  Client client(options_.socket, Role::hub);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(client.append({accepted("x")}, std::chrono::milliseconds(100)).outcome, Outcome::unknown);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(5));
  ::close(silent);
}

TEST_F(ClientTest, what_is_outstanding_is_answered_when_the_client_goes) {
  start();
  std::atomic<int> answers = 0;
  {
    Client client(options_.socket, Role::hub);
    for (int i = 0; i < 100; ++i)
      client.submit({accepted("x")}, seconds(5), [&](const Appended&) { ++answers; });
  }
  EXPECT_EQ(answers, 100);
}

}  // namespace
}  // namespace chancery::service
