// chancery-ledgerd is killed at random while batches are on their way. After each start everything that was
// acknowledged is where it was said to be, what was unknown is resolved by asking again, and the chain is
// whole. CHANCERY_CRASH_ROUNDS sets how often (30).
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger/note/note.h"
#include "ledger/opening/opening.h"
#include "ledger/service/client.h"

namespace chancery {
namespace {

using namespace std::chrono_literals;
using service::Client;
using service::Outcome;

constexpr const char* kOrigin = "crash.example.org/ledger";

class LedgerProcess {
 public:
  explicit LedgerProcess(const std::filesystem::path& folder) : pid_(::fork()) {
    if (pid_ != 0) return;
    const std::string ledger = folder / "ledger", keys = folder / "keys", socket = folder / "socket";
    ::execl(CHANCERY_LEDGERD, "chancery-ledgerd", "--ledger", ledger.c_str(), "--keys", keys.c_str(),
            "--socket", socket.c_str(), "--origin", kOrigin, nullptr);
    ::_exit(127);
  }
  ~LedgerProcess() { end(SIGKILL); }
  LedgerProcess(const LedgerProcess&) = delete;
  LedgerProcess& operator=(const LedgerProcess&) = delete;

  int end(int signal) {
    if (pid_ <= 0) return status_;
    ::kill(pid_, signal);
    ::waitpid(pid_, &status_, 0);
    pid_ = 0;
    return status_;
  }

 private:
  pid_t pid_;
  int status_ = 0;
};

entry::Event refused_file(std::uint64_t number) {
  entry::Event event;
  event.id = entry::random_id();
  event.name = "file.refused";
  event.plain = {{"agency", "a"}, {"code", "too-large"}, {"count", "1"},
                 {"policy", "p"}, {"route", "r"},        {"transfer", entry::to_hex(event.id)}};
  event.committed = {{"account", "x"},  {"address", "192.0.2.1"},
                     {"key", "k"},      {"name", std::to_string(number)},
                     {"reason", "big"}, {"size", "9"}};
  return event;
}

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

  void submit(Client& client, std::vector<entry::Event> batch) {
    std::unique_lock lock(mutex);
    const std::size_t row = rows.size();
    rows.push_back({batch, {}});
    ++on_their_way;
    lock.unlock();
    client.submit(std::move(batch), 10s, [this, row](service::Appended appended) {
      const std::scoped_lock guard(mutex);
      if (appended.outcome == Outcome::durable) rows[row].seqs = std::move(appended.seqs);
      EXPECT_NE(appended.outcome, Outcome::refused) << appended.reason;
      --on_their_way;
      changed.notify_all();
    });
  }
  void wait_until_answered() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return on_their_way == 0; });
  }
};

class LedgerCrash : public ::testing::Test {
 protected:
  LedgerCrash() {
    std::string pattern = (std::filesystem::temp_directory_path() / "chancery-crash-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = pattern;
  }
  ~LedgerCrash() override { std::filesystem::remove_all(folder_); }

  std::uint64_t wait_for_service(Client& client) {
    for (int i = 0; i < 500; ++i) {
      try {
        return client.head().size;
      } catch (const service::Unavailable&) {
        std::this_thread::sleep_for(10ms);
      }
    }
    ADD_FAILURE() << "the service did not come up";
    return 0;
  }

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

  std::filesystem::path folder_;
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
  std::printf("%d kills, %zu batches, %zu of unknown outcome resolved, %llu entries\n", rounds,
              journal_.rows.size(), unknown, static_cast<unsigned long long>(client.head().size));
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
