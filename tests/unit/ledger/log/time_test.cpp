#include <array>
#include <cstdlib>
#include <vector>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger/note/note.h"
#include "tests/unit/ledger/log/fixture.h"

namespace chancery::log {
namespace {

using Time = LogTest;

constexpr entry::Micros kSecond = 1'000'000;

note::Checkpoint newest(const Log& log) {
  const auto text = log.checkpoint();
  if (!text) return {};
  const auto note = std::get<note::Note>(note::parse_note(*text));
  return note::parse_checkpoint(note.text).value_or(note::Checkpoint{});
}

TEST_F(Time, never_goes_backwards_and_a_step_back_is_recorded_first) {
  const auto log = open();
  append(*log, accepted("a"));
  wall_ -= 3600 * kSecond;
  append(*log, accepted("b"));
  EXPECT_EQ(entry_at(*log, 2).event, "clock.stepped");
  EXPECT_EQ(entry_at(*log, 2).plain.at("by-ms"), "-3600000");
  EXPECT_EQ(entry_at(*log, 3).event, "file.accepted");
  EXPECT_EQ(entry_at(*log, 3).time, entry_at(*log, 1).time);
}

TEST_F(Time, a_step_forwards_is_recorded_and_passing_time_is_not) {
  const auto log = open();
  pass(30 * kSecond);
  append(*log, accepted("a"));
  wall_ += kSecond / 2;  // within what a clock may be corrected by
  append(*log, accepted("b"));
  EXPECT_EQ(log->head().size, 3U);
  wall_ += 90 * kSecond;
  append(*log, accepted("c"));
  EXPECT_EQ(entry_at(*log, 3).event, "clock.stepped");
  EXPECT_EQ(entry_at(*log, 3).plain.at("by-ms"), "90000");
  EXPECT_EQ(entry_at(*log, 4).time, wall_.load());
}

TEST_F(Time, a_clock_set_back_while_nothing_ran_is_recorded) {
  open().reset();
  wall_ -= 10 * kSecond;
  const auto log = open();
  append(*log, accepted("a"));
  EXPECT_EQ(entry_at(*log, 2).event, "clock.stepped");
}

TEST_F(Time, checkpoints_follow_the_entries_and_verify) {
  const auto log = open();
  const auto genesis = entry_at(*log, 0);
  std::vector<note::VerifierKey> keys;
  for (const char* field : {"vkey", "mldsa-vkey"}) {
    keys.push_back(note::VerifierKey::parse(genesis.plain.at(field)).value());
  }
  EXPECT_EQ(newest(*log).size, 1U);
  append(*log, accepted("a"));
  std::this_thread::sleep_for(std::chrono::milliseconds(250));
  EXPECT_EQ(newest(*log).size, 1U) << "signed before its time";
  pass(kSecond / 4);
  ASSERT_TRUE(soon([&] { return newest(*log).size == 2; }));
  EXPECT_EQ(newest(*log).root, log->head().root);
  EXPECT_EQ(newest(*log).origin, log->origin());
  const auto note = std::get<note::Note>(note::parse_note(*log->checkpoint()));
  EXPECT_EQ(note::verify_note(note, keys), note::Signed::valid);
}

TEST_F(Time, an_anchor_pins_the_last_note_each_hour_and_at_the_end) {
  auto log = open();
  append(*log, accepted("a"));
  pass(3600 * kSecond);
  ASSERT_TRUE(soon([&] { return log->head().size == 3 && newest(*log).size == 3; }));
  const auto anchor = entry_at(*log, 2);
  EXPECT_EQ(anchor.event, "log.anchor");
  EXPECT_EQ(anchor.plain.at("size"), "2");
  log->close();
  EXPECT_EQ(entry_at(*log, 3).event, "log.anchor");
  EXPECT_EQ(entry_at(*log, 3).plain.at("size"), "3");
  EXPECT_EQ(newest(*log).size, 4U);
}

// Another process that reads the ledger's folder as often at once as LMDB allows, once it is told to.
class ManyReaders {
 public:
  explicit ManyReaders(const std::filesystem::path& folder) {
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()) != 0) std::abort();
    child_ = ::fork();
    if (child_ == 0) {
      ::close(ends_[0]);
      read_much(folder);
      ::_exit(0);
    }
    ::close(ends_[1]);
  }
  ~ManyReaders() {
    ::close(ends_[0]);
    ::waitpid(child_, nullptr, 0);
  }
  ManyReaders(const ManyReaders&) = delete;
  ManyReaders& operator=(const ManyReaders&) = delete;

  // False unless no further reader is let in afterwards.
  bool begin() {
    char byte = 0;
    return ::write(ends_[0], &byte, 1) == 1 && ::read(ends_[0], &byte, 1) == 1;
  }

 private:
  void read_much(const std::filesystem::path& folder) {
    char byte = 0;
    if (::read(ends_[1], &byte, 1) != 1) return;
    const store::Store store = store::Store::open(folder, store::Mode::read_only);
    std::vector<store::Snapshot> snapshots;
    try {
      while (snapshots.size() < 1000) snapshots.push_back(store.snapshot());
      return;
    } catch (const store::Error&) {
      if (::write(ends_[1], &byte, 1) == 1) (void)!::read(ends_[1], &byte, 1);
    }
  }

  std::array<int, 2> ends_{};
  pid_t child_ = -1;
};

TEST_F(Time, an_anchor_that_cannot_be_made_ends_writing_and_not_the_service) {
  open().reset();  // the other process must find a ledger
  ManyReaders readers(folder_ / "ledger");
  const auto log = open();
  const auto checkpoints = [&] { return log->checkpoints(0, 0, kMaxBatch).size(); };
  for (int i = 0; i < 5; ++i) {  // so that no checkpoint is due when the anchor is
    const std::size_t before = checkpoints();
    pass(601 * kSecond);
    ASSERT_TRUE(soon([&] { return checkpoints() > before; }));
  }
  ASSERT_TRUE(readers.begin());
  pass(596 * kSecond);
  ASSERT_TRUE(soon([&] { return !log->head().writable; }));
  EXPECT_NE(log->head().reason.find("MDB_READERS_FULL"), std::string::npos) << log->head().reason;
}

}  // namespace
}  // namespace chancery::log
