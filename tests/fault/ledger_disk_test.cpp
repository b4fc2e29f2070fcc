// The disk fails under a real chancery-ledgerd: strace makes one system call of LMDB's fail, once. What was
// acknowledged stays, nothing of the failed commit or after it is acknowledged, and a restart recovers all.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <future>

#include "ledger/store/store.h"
#include "ledger/verify/verify.h"
#include "tests/fault/ledger_process.h"

namespace chancery {
namespace {

using namespace std::chrono_literals;
using service::Client;
using service::Outcome;

struct Fault {
  const char* name;
  const char* injection;  // in strace's words; LMDB writes data pages by writev and meta pages by pwrite64
  bool reads_go_on;       // LMDB reads nothing more either after a failed meta page
};
void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.injection; }

constexpr Fault kFaults[] = {{"flush", "fdatasync:error=EIO:when=12", true},
                             {"full_disk", "writev:error=ENOSPC:when=12", true},
                             {"bad_block", "writev:error=EIO:when=12", true},
                             {"full_disk_at_the_meta_page", "pwrite64:error=ENOSPC:when=12", false},
                             {"bad_block_at_the_meta_page", "pwrite64:error=EIO:when=12", false}};

class LedgerDisk : public LedgerFault, public ::testing::WithParamInterface<Fault> {
 protected:
  struct Written {
    entry::Event event;
    std::optional<std::uint64_t> seq;  // once it was acknowledged
  };

  std::vector<std::string> failing() const {
    const std::string injection = GetParam().injection;
    const std::string call = injection.substr(0, injection.find(':'));
    // LeakSanitizer cannot work under strace.
    return {"strace",
            "-E",
            "ASAN_OPTIONS=detect_leaks=0",
            "-D",
            "-f",
            "-qq",
            "-o",
            (folder_ / "trace").string(),
            "-e",
            "trace=" + call,
            "-e",
            "inject=" + injection};
  }

  // Appends until one is not acknowledged; answers why not.
  service::Appended append_until_it_fails(Client& client) {
    service::Appended answer;
    for (std::uint64_t number = 0; number < 200; ++number) {
      written_.push_back({refused_file(number), {}});
      answer = client.append({written_.back().event}, 10s);
      if (answer.outcome != Outcome::durable) break;
      written_.back().seq = answer.seqs.at(0);
    }
    return answer;
  }

  void expect_read_only(Client& client) {
    const service::Head head = client.head();
    EXPECT_FALSE(head.writable);
    EXPECT_NE(head.reason, "");
    for (std::uint64_t number = 1000; number < 1003; ++number) {
      const auto answer = client.append({refused_file(number)}, 10s);
      EXPECT_EQ(answer.outcome, Outcome::refused) << "acknowledged after a failed commit";
      EXPECT_NE(answer.reason.find("takes no entries"), std::string::npos) << answer.reason;
    }
    if (!GetParam().reads_go_on) return;
    for (const Written& one : written_) {
      if (one.seq) {
        EXPECT_EQ(client.find(one.event.id), one.seq);
      }
    }
  }

  void expect_recovered(Client& client) {
    wait_for_service(client);
    EXPECT_TRUE(client.head().writable) << client.head().reason;
    for (const Written& one : written_) {
      const auto answer = client.append({one.event}, 10s);
      ASSERT_EQ(answer.outcome, Outcome::durable) << answer.reason;
      if (one.seq) {
        EXPECT_EQ(answer.seqs.at(0), *one.seq) << "an acknowledged entry is lost";
      }
    }
  }

  std::vector<Written> written_;
};

TEST_P(LedgerDisk, what_failed_is_never_acknowledged_and_a_restart_recovers) {
  if (std::system("command -v strace > /dev/null") != 0) GTEST_SKIP() << "strace is not installed";
  {
    LedgerProcess process(folder_, failing());
    Client client(folder_ / "socket", service::Role::hub);
    wait_for_service(client);
    const auto failed = append_until_it_fails(client);
    EXPECT_TRUE(failed.outcome == Outcome::unknown ||
                (failed.outcome == Outcome::refused && !failed.try_again))
        << failed.reason;
    EXPECT_GT(written_.size(), 3U) << "it failed before there was something to keep";
    expect_read_only(client);
    const int status = process.end(SIGTERM);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "SIGTERM did not end it in order";
  }
  {
    LedgerProcess process(folder_);
    Client client(folder_ / "socket", service::Role::hub);
    expect_recovered(client);
    process.end(SIGTERM);
  }
  const auto store = store::Store::open(folder_ / "ledger", store::Mode::read_only);
  const auto snapshot = store.snapshot();
  const auto report = verify::check(verify::source_of(snapshot), {});
  for (const auto& finding : report.findings) ADD_FAILURE() << finding.text;
  EXPECT_GE(report.entries, written_.size());
}

// The ledger on a small file system of its own, which only chancery-ledgerd and what it started can see.
class LedgerFullDisk : public LedgerFault {
 protected:
  static constexpr const char* kMount = R"(mount -t tmpfs -o size=96m tmpfs "$0" && exec "$@")";
  static constexpr std::uintmax_t kReserve = std::uintmax_t{32} << 20;  // below which nothing is appended

  void SetUp() override {
    if (std::system("unshare --user --map-root-user --mount mount -t tmpfs tmpfs /mnt 2> /dev/null") != 0)
      GTEST_SKIP() << "this user may not mount a file system of its own";
  }

  std::vector<std::string> on_a_small_disk() const {
    std::filesystem::create_directory(folder_ / "ledger");
    return {"unshare", "--user", "--map-root-user", "--mount", "sh", "-c", kMount, folder_ / "ledger"};
  }

  // That file system as this process reaches it.
  std::filesystem::path seen(const LedgerProcess& process) const {
    return "/proc/" + std::to_string(process.pid()) + "/root" + (folder_ / "ledger").string();
  }

  // Leaves so many bytes of that file system free.
  void fill(const LedgerProcess& process, std::uintmax_t free) const {
    const std::uintmax_t left = std::filesystem::space(seen(process)).available;
    ASSERT_GT(left, free) << "the ledger alone has filled it";
    std::ofstream(seen(process) / "filler") << std::string(left - free, 'x');
  }

  void expect_verified(const LedgerProcess& process) const {
    const auto store = store::Store::open(seen(process), store::Mode::read_only);
    const auto snapshot = store.snapshot();
    for (const auto& finding : verify::check(verify::source_of(snapshot), {}).findings)
      ADD_FAILURE() << finding.text;
  }

  static bool soon(const std::function<bool()>& condition) {
    for (int i = 0; i < 500; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }
};

TEST_F(LedgerFullDisk, appends_stop_before_the_disk_is_full_and_go_on_when_there_is_room) {
  LedgerProcess process(folder_, on_a_small_disk());
  Client client(folder_ / "socket", service::Role::hub);
  wait_for_service(client);
  const auto before = client.append({refused_file(1)}, 10s);
  ASSERT_EQ(before.outcome, Outcome::durable) << before.reason;

  fill(process, kReserve - (std::uintmax_t{6} << 20));
  ASSERT_TRUE(soon([&] { return !client.head().writable; }));
  EXPECT_NE(client.head().reason.find("disk is full"), std::string::npos) << client.head().reason;
  const entry::Event event = refused_file(2);
  const auto during = client.append({event}, 10s);
  EXPECT_EQ(during.outcome, Outcome::refused);
  EXPECT_TRUE(during.try_again) << during.reason;
  EXPECT_EQ(client.find(event.id), std::nullopt);
  EXPECT_EQ(client.entries(before.seqs.at(0), 1, true).size(), 1U) << "reading stopped too";

  std::filesystem::remove(seen(process) / "filler");
  ASSERT_TRUE(soon([&] { return client.head().writable; }));
  const auto after = client.append({event}, 10s);
  EXPECT_EQ(after.outcome, Outcome::durable) << after.reason;
  EXPECT_EQ(after.seqs.at(0), before.seqs.at(0) + 1);
  expect_verified(process);
}

// What sealing the survivors anew takes fills the disk up: the erasure waits, and ends when there is room.
TEST_F(LedgerFullDisk, an_erasure_that_fills_the_disk_waits_and_ends_when_there_is_room) {
  constexpr std::uint64_t kBatches = 10;
  constexpr std::uint64_t kBatch = 1000;
  LedgerProcess process(folder_, on_a_small_disk());
  Client hub(folder_ / "socket", service::Role::hub);
  const std::uint64_t first = wait_for_service(hub);
  for (std::uint64_t batch = 0; batch < kBatches; ++batch) {
    std::vector<entry::Event> events;
    for (std::uint64_t i = 0; i < kBatch; ++i) events.push_back(refused_file(i));
    ASSERT_EQ(hub.append(std::move(events), 60s).outcome, Outcome::durable);
  }
  fill(process, kReserve + (std::uintmax_t{128} << 10));
  const std::uint64_t size = hub.head().size;

  Client administrator(folder_ / "socket", service::Role::administrator);
  const std::string erased = std::to_string(first) + "-" + std::to_string(first + kBatch - 1);
  auto erasing =
      std::async(std::launch::async, [&] { return administrator.erase(erased, "request", "DSR-1"); });
  ASSERT_TRUE(soon([&] { return hub.head().size > size && !hub.head().writable; }));
  EXPECT_NE(hub.head().reason.find("disk is full"), std::string::npos) << hub.head().reason;
  EXPECT_EQ(hub.append({refused_file(1)}, 10s).outcome, Outcome::refused);
  EXPECT_EQ(erasing.wait_for(2s), std::future_status::timeout) << "it says that it has ended";
  EXPECT_EQ(hub.entries(first + kBatch, 1, true).at(0).openings.size(), 6U) << "what stays is not read";

  std::filesystem::remove(seen(process) / "filler");
  const auto answer = erasing.get();
  ASSERT_EQ(answer.outcome, Outcome::durable) << answer.reason;
  EXPECT_EQ(answer.seqs.at(0), size);
  EXPECT_TRUE(hub.entries(first, 1, true).at(0).openings.empty());
  EXPECT_EQ(hub.entries(first + kBatch, 1, true).at(0).openings.size(), 6U);
  EXPECT_NE(hub.entries(answer.seqs.at(1), 1, false).at(0).text.find("event detail.erased"),
            std::string::npos);
  EXPECT_EQ(hub.append({refused_file(1)}, 10s).outcome, Outcome::durable);
  expect_verified(process);
}

INSTANTIATE_TEST_SUITE_P(Faults, LedgerDisk, ::testing::ValuesIn(kFaults),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace chancery
