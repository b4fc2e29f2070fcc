// chancery-ledgerd is killed at random while batches are on their way. After each start everything that was
// acknowledged is where it was said to be, what was unknown is resolved by asking again, and the chain is
// whole. CHANCERY_CRASH_ROUNDS sets how often (30).
#include <condition_variable>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "ledger/note/note.h"
#include "ledger/opening/opening.h"
#include "tests/fault/ledger_process.h"

namespace chancery {
namespace {

using namespace std::chrono_literals;
using service::Client;
using service::Outcome;

// What the caller knows: each batch, and its seqs once they were acknowledged.
struct Journal {
  struct Row {
    std::vector<entry::Event> batch;
    std::vector<std::uint64_t> seqs;
  };
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Row> rows;
  std::size_t on_their_way = 0;
  std::size_t never_sent = 0;

  void submit(Client& client, std::vector<entry::Event> batch) {
    std::unique_lock lock(mutex);
    const std::size_t row = rows.size();
    rows.push_back({batch, {}});
    ++on_their_way;
    lock.unlock();
    client.submit(std::move(batch), 10s, [this, row](service::Appended appended) {
      const std::scoped_lock guard(mutex);
      if (appended.outcome == Outcome::durable) rows[row].seqs = std::move(appended.seqs);
      // What never got to a service that was gone already may be tried again; nothing else is refused.
      EXPECT_TRUE(appended.outcome != Outcome::refused || appended.try_again) << appended.reason;
      never_sent += appended.outcome == Outcome::refused ? 1U : 0U;
      --on_their_way;
      changed.notify_all();
    });
  }
  void wait_until_answered() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return on_their_way == 0; });
  }
};

class LedgerCrash : public LedgerFault {
 protected:
  // Every acknowledged batch is in its place; what is unknown is asked again and then known.
  void check_journal(Client& client) {
    for (Journal::Row& row : journal_.rows) {
      if (row.seqs.empty()) {
        const auto answer = client.append(row.batch, 10s);
        ASSERT_EQ(answer.outcome, Outcome::durable) << answer.reason;
        row.seqs = answer.seqs;
      }
      for (std::size_t i = 0; i < row.batch.size(); ++i) {
        ASSERT_EQ(client.find(row.batch[i].id), row.seqs[i]) << "an acknowledged entry is lost";
        ASSERT_EQ(row.seqs[i], row.seqs[0] + i) << "a batch was split";
      }
    }
  }

  void check_chain(Client& client) {
    const auto head = client.head();
    merkle::Hash prev = entry::genesis_prev(kOrigin);
    merkle::Frontier tree;
    std::vector<merkle::Hash> hashes;
    std::set<entry::EventId> ids;
    std::optional<note::VerifierKey> key;
    while (tree.size() < head.size) {
      for (const auto& one : client.entries(tree.size(), 1024, true)) {
        if (tree.size() == head.size) break;
        const auto parsed = entry::parse(one.text);
        ASSERT_TRUE(std::holds_alternative<entry::Entry>(parsed)) << one.text;
        const auto& entry = std::get<entry::Entry>(parsed);
        ASSERT_EQ(entry.seq, tree.size());
        ASSERT_EQ(entry.prev, prev);
        ASSERT_TRUE(ids.insert(entry.id).second);
        ASSERT_EQ(one.openings.size(), entry.commitments.size());
        for (const auto& [field, opening] : one.openings) {
          ASSERT_TRUE(opening::opens(opening, entry.commitments.at(field), kOrigin, entry.id, field));
        }
        if (entry.seq == 0) key = note::VerifierKey::parse(entry.plain.at("vkey"));
        prev = merkle::leaf_hash(one.text);
        tree.append(prev, hashes);
      }
    }
    ASSERT_EQ(tree.root(), head.root);
    const auto note = note::parse_note(client.checkpoint().value());
    ASSERT_EQ(note::verify_note(std::get<note::Note>(note), std::span(&*key, 1)), note::Signed::valid);
    const auto checkpoint = note::parse_checkpoint(std::get<note::Note>(note).text);
    ASSERT_LE(checkpoint->size, head.size);
    ASSERT_EQ(checkpoint->root,
              merkle::tree_root(checkpoint->size, [&](std::uint64_t index) { return hashes.at(index); }));
  }

  Journal journal_;
};

TEST_F(LedgerCrash, nothing_acknowledged_is_lost_and_the_chain_is_whole) {
  const char* wanted = std::getenv("CHANCERY_CRASH_ROUNDS");
  const int rounds = wanted != nullptr ? std::atoi(wanted) : 30;
  std::mt19937 random(std::random_device{}());
  std::uint64_t number = 0;
  std::size_t unknown = 0;
  for (int round = 0; round < rounds; ++round) {
    LedgerProcess process(folder_);
    Client client(folder_ / "socket", service::Role::hub);
    wait_for_service(client);
    check_journal(client);
    if (HasFatalFailure()) return;
    std::thread killer([&, pause = std::chrono::microseconds(random() % 40'000)] {
      std::this_thread::sleep_for(pause);
      process.end(SIGKILL);
    });
    for (int i = 0; i < 60; ++i) {
      std::vector<entry::Event> batch;
      for (std::size_t left = 1 + random() % 8; left > 0; --left) batch.push_back(refused_file(number++));
      journal_.submit(client, std::move(batch));
      if (i % 10 == 9) std::this_thread::sleep_for(std::chrono::milliseconds(random() % 8));
    }
    killer.join();
    journal_.wait_until_answered();
    for (const auto& row : journal_.rows) unknown += row.seqs.empty() ? 1U : 0U;
  }
  LedgerProcess process(folder_);
  Client client(folder_ / "socket", service::Role::hub);
  wait_for_service(client);
  check_journal(client);
  if (HasFatalFailure()) return;
  check_chain(client);
  unknown -= journal_.never_sent;
  std::printf("%d kills, %zu batches, %zu of unknown outcome resolved, %zu never sent, %llu entries\n",
              rounds, journal_.rows.size(), unknown, journal_.never_sent,
              static_cast<unsigned long long>(client.head().size));
  EXPECT_GT(unknown, 0U) << "no kill came between a request and its reply: the test did not test";
  const int status = process.end(SIGTERM);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "SIGTERM did not end it in order";
}

TEST_F(LedgerCrash, killed_before_the_first_entry_it_begins_again) {
  for (int round = 0; round < 10; ++round) {
    const auto place = folder_ / std::to_string(round);
    std::filesystem::create_directory(place);
    {
      LedgerProcess process(place);
      std::this_thread::sleep_for(std::chrono::microseconds(500 + 1500 * round));
    }
    const LedgerProcess process(place);
    Client client(place / "socket", service::Role::hub);
    EXPECT_GE(wait_for_service(client), 1U);
  }
}

}  // namespace
}  // namespace chancery
