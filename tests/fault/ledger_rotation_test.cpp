// Keys are rotated while entries come, and chancery-ledgerd is killed at random meanwhile. What was begun is
// done once when it is asked for again, and the ledger verifies with the keys from before and from after.
// CHANCERY_CRASH_ROUNDS sets how often (24).
#include <algorithm>
#include <atomic>
#include <future>
#include <random>
#include <set>

#include "ledger/log/log.h"
#include "ledger/log/log_keys.h"
#include "ledger/verify/verify.h"
#include "tests/fault/ledger_process.h"

namespace chancery {
namespace {

using namespace std::chrono_literals;
using note::KeyType;
using service::Client;
using service::Outcome;

// A step of a rotation: of one kind, a key is added and then the one before it retired.
struct Step {
  entry::EventId id = entry::new_id();
  KeyType type = KeyType::ed25519;
  std::optional<std::uint32_t> retires;

  service::KeyChanged take(Client& administrator) const {
    return retires ? administrator.retire_key(id, *retires, "yearly")
                   : administrator.add_key(id, type, "yearly");
  }
};

class LedgerRotation : public LedgerFault {
 protected:
  // What `chancery ledger verify` finds in the stopped ledger.
  std::string findings(const std::vector<note::VerifierKey>& pinned) const {
    const auto store = store::Store::open(folder_ / "ledger", store::Mode::read_only);
    const auto snapshot = store.snapshot();
    std::string all;
    for (const verify::Finding& finding : verify::check(verify::source_of(snapshot), pinned).findings) {
      all += finding.text + "\n";
    }
    return all;
  }

  static std::vector<note::VerifierKey> good(const std::vector<service::LogKey>& keys) {
    std::vector<note::VerifierKey> found;
    for (const service::LogKey& key : keys) {
      if (!key.last_trusted_size) found.push_back(*note::VerifierKey::parse(key.vkey));
    }
    return found;
  }

  std::set<std::string> key_files() const {
    std::set<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(folder_ / "keys")) {
      if (file.path().filename().string().starts_with("log-")) names.insert(file.path().filename());
    }
    return names;
  }
};

TEST_F(LedgerRotation, killed_at_any_point_it_goes_on_and_verifies_with_old_keys_and_new) {
  const char* wanted = std::getenv("CHANCERY_CRASH_ROUNDS");
  const int rounds = wanted != nullptr ? std::atoi(wanted) : 24;
  std::mt19937 random(std::random_device{}());
  std::optional<Step> begun;  // and not known to be done
  std::vector<note::VerifierKey> first;
  int added = 0;
  int unknown = 0;
  std::atomic<std::uint64_t> number = 0;
  for (int round = 0; round <= rounds; ++round) {
    LedgerProcess process(folder_);
    Client administrator(folder_ / "socket", service::Role::administrator);
    Client hub(folder_ / "socket", service::Role::hub);
    wait_for_service(administrator);
    if (begun) {
      const auto done = begun->take(administrator);
      ASSERT_EQ(done.outcome, Outcome::durable) << done.words;
    }
    const auto keys = administrator.keys();
    ASSERT_EQ(keys.size(), 2U + static_cast<std::size_t>(added)) << "each add was done once";
    if (first.empty()) first = good(keys);
    const auto present = good(keys);
    EXPECT_EQ(key_files().size(), present.size())
        << "a file is left: " << ::testing::PrintToString(key_files());
    if (round == rounds) break;
    begun = Step{};
    begun->type = round / 2 % 2 == 0 ? KeyType::ed25519 : KeyType::ml_dsa_44;
    if (round % 2 == 1) {
      begun->retires = std::ranges::find(present, begun->type, &note::VerifierKey::type)->id();
    } else {
      ++added;
    }
    std::atomic<bool> stop = false;
    std::thread appender([&] {
      while (!stop) static_cast<void>(hub.append({refused_file(number++)}, 5s));
    });
    std::thread killer([&, pause = std::chrono::microseconds(random() % 25'000)] {
      std::this_thread::sleep_for(pause);
      process.end(SIGKILL);
    });
    const auto outcome = begun->take(administrator);
    EXPECT_TRUE(outcome.outcome != Outcome::refused || outcome.try_again) << outcome.words;
    unknown += outcome.outcome == Outcome::unknown ? 1 : 0;
    killer.join();
    stop = true;
    appender.join();
  }
  std::vector<note::VerifierKey> newest;
  {
    LedgerProcess process(folder_);
    Client reader(folder_ / "socket", service::Role::reader);
    EXPECT_GT(wait_for_service(reader), 0U);
    newest = good(reader.keys());
    EXPECT_EQ(process.end(SIGTERM), 0);
  }
  EXPECT_EQ(findings(first), "") << "with the first log-policy";
  EXPECT_EQ(findings({first[0]}), "") << "with the first Ed25519 key alone";
  EXPECT_EQ(findings(newest), "") << "with the newest log-policy";
  EXPECT_NE(newest, first);
  std::printf("%d kills, %d keys added, %d changes of unknown outcome, %llu entries appended meanwhile\n",
              rounds, added, unknown, static_cast<unsigned long long>(number));
}

TEST_F(LedgerRotation, what_is_signed_with_a_stolen_retired_key_is_found) {
  const std::string origin = kOrigin;
  std::vector<note::SigningKey> stolen;
  std::vector<note::VerifierKey> first;
  {
    log::Options options;
    options.folder = folder_ / "ledger";
    options.keys = folder_ / "keys";
    options.origin = origin;
    log::Log log(options);
    const log::KeyFolder folder(folder_ / "keys");
    for (const auto& [file, type] :
         {std::pair{log::kEd25519File, KeyType::ed25519}, std::pair{log::kMlDsaFile, KeyType::ml_dsa_44}}) {
      stolen.push_back(note::SigningKey::from_seed(type, origin, folder.read(file, 32)));
      first.push_back(stolen.back().verifier());
    }
    const auto change = [&](log::KeyChange wanted) {
      std::promise<log::KeyChanged> answer;
      log.change_key(std::move(wanted), [&](log::KeyChanged done) { answer.set_value(std::move(done)); });
      const auto done = answer.get_future().get();
      EXPECT_EQ(done.outcome, log::Outcome::durable) << done.words;
    };
    for (const note::VerifierKey& key : first) {
      change(log::AddKey{entry::new_id(), key.type(), ""});
      change(log::RetireKey{entry::new_id(), key.id(), ""});
    }
  }
  EXPECT_EQ(findings(first), "");
  {
    auto store = store::Store::open(folder_ / "ledger", store::Mode::read_write);
    const auto snapshot = store.snapshot();
    const note::Checkpoint forged{origin, snapshot.size(), snapshot.root()};  // the root is even right
    const note::SigningKey* signers[] = {&stolen[0], &stolen[1]};
    store::Batch batch;
    batch.checkpoints.push_back({forged.size, 1, note::sign_note(forged.body(), signers, 1).encode()});
    store.commit(batch);
  }
  for (const auto& pinned : {first, std::vector{first[0]}, std::vector<note::VerifierKey>{}}) {
    EXPECT_NE(findings(pinned).find("is not signed by keys of the log that are trusted for it"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace chancery
