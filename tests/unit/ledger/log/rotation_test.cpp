#include <fstream>
#include <future>
#include <iterator>
#include <set>

#include "ledger/log/log_keys.h"
#include "ledger/log/writer.h"
#include "tests/unit/ledger/log/fixture.h"

// Keys are added, retired and revoked; the ledger is closed at any point and what was begun is finished.
namespace chancery::log {
namespace {

constexpr entry::Micros kHour = entry::Micros{3600} * 1'000'000;
using note::KeyType;

class Rotate : public LogTest {
 protected:
  static KeyChanged change(Log& log, KeyChange wanted) {
    std::promise<KeyChanged> answer;
    log.change_key(std::move(wanted), [&](KeyChanged changed) { answer.set_value(std::move(changed)); });
    return answer.get_future().get();
  }
  static KeyChanged add(Log& log, KeyType type = KeyType::ed25519, entry::EventId id = entry::new_id()) {
    return change(log, AddKey{id, type, "yearly"});
  }
  static std::uint32_t id_of_key(const std::string& vkey) { return note::VerifierKey::parse(vkey)->id(); }
  static std::string vkey_at(const Log& log, std::size_t which) { return log.keys().at(which).vkey; }
  static KeyChanged retire(Log& log, const std::string& vkey) {
    return change(log, RetireKey{entry::new_id(), id_of_key(vkey), "yearly"});
  }
  static KeyChanged revoke(Log& log, const std::string& vkey, std::uint64_t last) {
    return change(log, RevokeKey{entry::new_id(), id_of_key(vkey), last, "stolen"});
  }

  // Ids of the keys in the lines of a note, after checking each line against the ledger's keys.
  static std::set<std::uint32_t> signers(const Log& log, const std::string& text) {
    const auto note = std::get<note::Note>(note::parse_note(text));
    std::set<std::uint32_t> ids;
    for (const LogKey& key : log.keys()) {
      const auto verifier = note::VerifierKey::parse(key.vkey);
      for (const note::SignatureLine& line : note.signatures) {
        if (line.key_id == verifier->id() && verifier->verify(note.text, line.signature))
          ids.insert(line.key_id);
      }
    }
    EXPECT_EQ(ids.size(), note.signatures.size()) << "a line that is not by a key of the ledger";
    return ids;
  }
  static std::set<std::uint32_t> ids(const std::vector<std::string>& vkeys) {
    std::set<std::uint32_t> found;
    for (const std::string& vkey : vkeys) found.insert(id_of_key(vkey));
    return found;
  }
  static std::string checkpoint_of(const Log& log, std::uint64_t size) {
    for (const auto& one : log.checkpoints(size, 0, 1)) {
      if (one.size == size) return one.note;
    }
    return "";
  }

  // The last log.key.add has its handover: the first checkpoint that covers it is by old and new, and pinned.
  void expect_handover(const Log& log, std::uint64_t added, const std::vector<std::string>& by) {
    const std::string handover = checkpoint_of(log, added + 1);
    ASSERT_NE(handover, "") << "the first checkpoint that covers entry " << added;
    EXPECT_EQ(signers(log, handover), ids(by));
    const auto anchor = entry_at(log, added + 1);
    ASSERT_EQ(anchor.event, "log.anchor");
    EXPECT_EQ(anchor.plain.at("size"), std::to_string(added + 1));
  }

  std::filesystem::path file_of(const std::string& vkey) const {
    const auto key = note::VerifierKey::parse(vkey);
    const char* stem = key->type() == KeyType::ed25519 ? kEd25519File : kMlDsaFile;
    return folder_ / "keys" / (std::string(stem) + "-" + id_of(*key));
  }

  // What the folders hold after a crash in the middle of what `act` does, when the ledger's is that from
  // before it and the keys' that from after it.
  void save(const std::string& name) {
    std::filesystem::remove_all(folder_ / name);
    std::filesystem::create_directory(folder_ / name);
    for (const char* part : {"ledger", "keys"}) {
      std::filesystem::copy(folder_ / part, folder_ / name / part, std::filesystem::copy_options::recursive);
    }
  }
  void bring_back(const std::string& name, const char* part) {
    std::filesystem::remove_all(folder_ / part);
    std::filesystem::copy(folder_ / name / part, folder_ / part, std::filesystem::copy_options::recursive);
    for (const auto& one : std::filesystem::recursive_directory_iterator(folder_ / part)) {
      if (part == std::string("keys")) {
        std::filesystem::permissions(one.path(), std::filesystem::perms(one.is_directory() ? 0700 : 0400));
      }
    }
    std::filesystem::permissions(folder_ / part, std::filesystem::perms(0700));
  }

  std::string refusal() {
    try {
      open().reset();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
};

TEST_F(Rotate, an_added_key_signs_with_the_old_ones_and_its_first_checkpoint_is_kept_for_good) {
  const auto log = open();
  append(*log, accepted("a"));
  for (const KeyType type : {KeyType::ed25519, KeyType::ml_dsa_44}) {
    const auto before = log->keys();
    const KeyChanged added = add(*log, type);
    ASSERT_EQ(added.outcome, Outcome::durable) << added.words;
    std::vector<std::string> all{added.vkey};
    for (const LogKey& key : before) all.push_back(key.vkey);
    expect_handover(*log, added.seq, all);
    EXPECT_EQ(entry_at(*log, added.seq).plain.at("last-trusted-size"), "-");
    EXPECT_EQ(log->keys().back().vkey, added.vkey);
    EXPECT_EQ(log->keys().back().seq, added.seq);
    EXPECT_EQ(note::VerifierKey::parse(added.vkey)->type(), type);
    EXPECT_TRUE(std::filesystem::exists(file_of(added.vkey)));
    EXPECT_EQ(signers(*log, *log->checkpoint()), ids(all));
    const std::uint64_t handover = added.seq + 1;
    append(*log, accepted("b"));
    pass(49 * kHour);
    ASSERT_TRUE(soon([&] { return checkpoint_of(*log, handover - 1).empty(); }));
    EXPECT_NE(checkpoint_of(*log, handover), "");
  }
}

TEST_F(Rotate, a_retired_key_signs_no_more_and_its_file_is_gone) {
  auto log = open();
  const std::string first = vkey_at(*log, 0);
  const std::string ml_dsa = vkey_at(*log, 1);
  const std::string next = add(*log).vkey;
  const KeyChanged retired = retire(*log, first);
  ASSERT_EQ(retired.outcome, Outcome::durable) << retired.words;
  EXPECT_EQ(entry_at(*log, retired.seq).plain.at("last-trusted-size"), std::to_string(retired.seq));
  EXPECT_EQ(entry_at(*log, retired.seq).plain.at("vkey"), first);
  EXPECT_EQ(log->keys().front().last_trusted_size, retired.seq);
  EXPECT_EQ(signers(*log, checkpoint_of(*log, retired.seq + 1)), ids({next, ml_dsa}));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "keys" / kEd25519File));
  const KeyChanged again = retire(*log, first);
  EXPECT_EQ(again.outcome, Outcome::durable);
  EXPECT_EQ(again.seq, retired.seq);
  log.reset();
  log = open();
  EXPECT_TRUE(log->head().writable) << log->head().reason;
  append(*log, accepted("a"));
  log->close();
  EXPECT_EQ(signers(*log, *log->checkpoint()), ids({next, ml_dsa}));
}

TEST_F(Rotate, the_last_good_key_of_a_kind_stays) {
  const auto log = open();
  for (const std::size_t which : {0U, 1U}) {
    for (const bool revoking : {false, true}) {
      const auto no = revoking ? revoke(*log, vkey_at(*log, which), 1) : retire(*log, vkey_at(*log, which));
      EXPECT_EQ(no.outcome, Outcome::refused);
      EXPECT_NE(no.words.find("add another one first"), std::string::npos) << no.words;
    }
  }
  const std::string next = add(*log).vkey;
  EXPECT_EQ(retire(*log, vkey_at(*log, 1)).outcome, Outcome::refused)
      << "one of the other kind does not count";
  EXPECT_EQ(retire(*log, next).outcome, Outcome::durable) << "the new one may go again";
  EXPECT_EQ(retire(*log, vkey_at(*log, 0)).outcome, Outcome::refused);
  EXPECT_EQ(change(*log, RetireKey{entry::new_id(), 7, ""}).outcome, Outcome::refused);
}

TEST_F(Rotate, a_change_that_is_repeated_with_its_id_is_done_once) {
  const auto log = open();
  const entry::EventId id = entry::new_id();
  const KeyChanged once = add(*log, KeyType::ml_dsa_44, id);
  const std::uint64_t size = log->head().size;
  const KeyChanged twice = add(*log, KeyType::ml_dsa_44, id);
  EXPECT_EQ(twice.outcome, Outcome::durable);
  EXPECT_EQ(twice.seq, once.seq);
  EXPECT_EQ(twice.vkey, once.vkey);
  EXPECT_EQ(log->head().size, size);
  EXPECT_EQ(change(*log, RetireKey{id, id_of_key(once.vkey), ""}).outcome, Outcome::refused);
  EXPECT_EQ(change(*log, AddKey{entry::new_id(), KeyType::ed25519, std::string(4097, 'x')}).outcome,
            Outcome::refused);
}

TEST_F(Rotate, there_are_at_most_eight_good_keys_of_a_kind) {
  const auto log = open();
  for (int i = 0; i < 7; ++i) ASSERT_EQ(add(*log).outcome, Outcome::durable);
  EXPECT_NE(add(*log).words.find("8 Ed25519 keys already"), std::string::npos);
  EXPECT_EQ(retire(*log, vkey_at(*log, 0)).outcome, Outcome::durable);
  EXPECT_EQ(add(*log).outcome, Outcome::durable);
}

TEST_F(Rotate, a_key_file_that_no_entry_names_is_used_by_the_next_add) {
  auto log = open();
  log.reset();
  save("before");
  log = open();
  const std::string vkey = add(*log).vkey;
  log.reset();
  // Crashed after the key's file and before its entry, and so before a checkpoint of it.
  bring_back("before", "ledger");
  std::filesystem::rename(folder_ / "before" / "keys" / "signed", folder_ / "keys" / "signed");
  log = open();
  EXPECT_EQ(log->keys().size(), 2U);
  EXPECT_EQ(add(*log, KeyType::ml_dsa_44).outcome, Outcome::durable) << "not for a key of the other kind";
  EXPECT_EQ(add(*log).vkey, vkey);
  EXPECT_NE(add(*log).vkey, vkey);
}

// The entry is durable and nothing after it: as the tables are left when the service is killed there.
TEST_F(Rotate, an_add_that_was_cut_off_is_finished_at_the_next_start) {
  for (const bool was_signed : {false, true}) {
    auto log = open();
    const std::vector<std::string> before{vkey_at(*log, 0), vkey_at(*log, 1)};
    log.reset();
    {
      auto store = store::Store::open(folder_ / "ledger", store::Mode::read_write);
      const KeyFolder folder(folder_ / "keys");
      Options given = options();
      LogKeys keys = LogKeys::open(folder, given.origin, store.snapshot());
      Writer writer(store, folder, keys, given, std::get<Chain>(Chain::from(store.snapshot(), given.origin)));
      auto key = keys.spare(KeyType::ed25519);
      const auto named = key.verifier().text();
      const auto appended = writer.append_own([&](std::uint64_t seq) {
        entry::Event event;
        event.id = entry::new_id();
        event.name = "log.key.add";
        event.plain = {{"vkey", named}, {"last-trusted-size", "-"}};
        event.committed = {{"reason", ""}};
        return Writer::Own{event,
                           {{kKeyEntries, keys.key_entries_with(seq)}, {kHandover, LogKeys::encode(seq)}}};
      });
      ASSERT_EQ(appended.outcome, Outcome::durable) << appended.reason;
      if (was_signed) {
        keys.added(appended.seqs[0], std::move(key));
        writer.sign();
      }
    }
    log = open();
    const LogKey added = log->keys().back();
    std::vector<std::string> all = before;
    for (std::size_t i = 2; i < log->keys().size(); ++i) all.push_back(vkey_at(*log, i));
    expect_handover(*log, added.seq, all);
    append(*log, accepted("a"));
    EXPECT_EQ(retire(*log, added.vkey).outcome, Outcome::durable);
    const std::uint64_t size = log->head().size;
    log.reset();
    log = open();
    EXPECT_EQ(log->head().size, size + 1) << "only the anchor of closing: nothing is finished twice";
    log.reset();
    std::filesystem::remove_all(folder_ / "ledger");
    std::filesystem::remove_all(folder_ / "keys");
  }
}

TEST_F(Rotate, a_file_left_of_a_retired_key_is_removed_at_the_next_start) {
  auto log = open();
  const std::string first = vkey_at(*log, 0);
  ASSERT_EQ(add(*log).outcome, Outcome::durable);
  std::filesystem::copy(folder_ / "keys" / kEd25519File, folder_ / "stolen");
  ASSERT_EQ(retire(*log, first).outcome, Outcome::durable);
  log.reset();
  std::filesystem::copy(folder_ / "stolen", folder_ / "keys" / kEd25519File);
  std::filesystem::permissions(folder_ / "keys" / kEd25519File, std::filesystem::perms(0600));  // half done
  log = open();
  EXPECT_FALSE(std::filesystem::exists(folder_ / "keys" / kEd25519File));
}

TEST_F(Rotate, a_half_made_key_file_is_removed_and_the_key_it_may_be_a_second_name_of_stays) {
  auto log = open();
  const auto file = file_of(add(*log).vkey);
  log.reset();
  std::filesystem::create_hard_link(file, file.string() + ".new");
  std::ofstream(folder_ / "keys/log-ed25519-00000000.new") << "AAAA";
  log = open();
  EXPECT_TRUE(log->head().writable);
  for (const auto& one : std::filesystem::directory_iterator(folder_ / "keys")) {
    EXPECT_NE(one.path().extension(), ".new") << one.path();
  }
  log.reset();
  EXPECT_EQ(refusal(), "");
}

TEST_F(Rotate, a_revoked_key_is_trusted_up_to_the_size_given_and_the_answer_says_who_needs_new_keys) {
  const auto log = open();
  append(*log, accepted("a"));
  const std::string first = vkey_at(*log, 0);
  const KeyChanged added = add(*log);
  append(*log, accepted("b"));
  EXPECT_EQ(revoke(*log, first, log->head().size + 1).outcome, Outcome::refused);
  const KeyChanged later = revoke(*log, first, added.seq + 1);
  ASSERT_EQ(later.outcome, Outcome::durable) << later.words;
  EXPECT_EQ(later.words.find("log-policy"), std::string::npos)
      << "the handover is still trusted: " << later.words;
  EXPECT_EQ(entry_at(*log, later.seq).event, "log.key.revoke");
  EXPECT_EQ(entry_at(*log, later.seq).plain.at("last-trusted-size"), std::to_string(added.seq + 1));
  const KeyChanged sooner = revoke(*log, first, added.seq);
  ASSERT_EQ(sooner.outcome, Outcome::durable) << sooner.words;
  EXPECT_GT(sooner.seq, later.seq);
  EXPECT_NE(sooner.words.find("log-policy"), std::string::npos) << sooner.words;
  EXPECT_EQ(log->keys().front().last_trusted_size, added.seq);
  EXPECT_EQ(revoke(*log, first, added.seq + 1).seq, later.seq)
      << "what is trusted less already needs no entry";
  EXPECT_FALSE(std::filesystem::exists(folder_ / "keys" / kEd25519File));
  EXPECT_EQ(signers(*log, *log->checkpoint()), ids({added.vkey, vkey_at(*log, 1)}));
}

TEST_F(Rotate, a_revocation_drops_the_checkpoints_nobody_else_signed_but_never_an_anchored_one) {
  const auto log = open();
  const std::string first = vkey_at(*log, 0);
  append(*log, accepted("a"));
  pass(kHour);
  ASSERT_TRUE(soon([&] { return log->head().size == 3; }));  // the anchor of the checkpoint of 2 entries
  append(*log, accepted("b"));
  pass(kHour / 60);
  ASSERT_TRUE(soon([&] { return !checkpoint_of(*log, 4).empty(); }));
  const KeyChanged added = add(*log);
  const KeyChanged no = revoke(*log, first, 1);
  EXPECT_EQ(no.outcome, Outcome::refused);
  EXPECT_NE(no.words.find("at least 2"), std::string::npos) << no.words;
  EXPECT_NE(checkpoint_of(*log, 4), "");
  ASSERT_EQ(revoke(*log, first, 2).outcome, Outcome::durable);
  EXPECT_EQ(checkpoint_of(*log, 4), "");
  EXPECT_NE(checkpoint_of(*log, 2), "");
  EXPECT_NE(checkpoint_of(*log, added.seq + 1), "");
}

TEST_F(Rotate, a_good_key_without_its_file_or_with_a_file_of_others_is_no_start) {
  auto log = open();
  const auto file = file_of(add(*log).vkey);
  log.reset();
  std::filesystem::permissions(file, std::filesystem::perms(0440));
  EXPECT_NE(refusal().find("mode 0400"), std::string::npos);
  std::filesystem::permissions(file, std::filesystem::perms(0400));
  std::filesystem::rename(file, folder_ / "aside");
  EXPECT_NE(refusal().find(file.string() + ": this signing key of the ledger is missing"), std::string::npos);
  std::filesystem::copy(folder_ / "keys" / kEd25519File, file);
  EXPECT_NE(refusal().find("not the keys of this ledger"), std::string::npos);
  std::filesystem::remove(file);
  std::filesystem::create_symlink(folder_ / "aside", file);
  EXPECT_NE(refusal(), "");
  std::filesystem::remove(file);
  std::filesystem::rename(folder_ / "aside", file);
  EXPECT_EQ(refusal(), "");
}

TEST_F(Rotate, a_damaged_table_or_entry_of_keys_is_served_for_reading_only) {
  auto log = open();
  const KeyChanged added = add(*log);
  log.reset();
  for (const std::string& row : {std::string("short"), std::string(8, '\x7f'), std::string(8, '\0')}) {
    save("sound");
    {
      auto store = store::Store::open(folder_ / "ledger", store::Mode::read_write);
      store::Batch batch;
      batch.meta[kKeyEntries] = row;
      store.commit(batch);
    }
    log = open();
    EXPECT_FALSE(log->head().writable);
    EXPECT_NE(log->head().reason.find("damaged"), std::string::npos) << log->head().reason;
    EXPECT_EQ(add(*log).outcome, Outcome::busy);
    EXPECT_EQ(entry_at(*log, added.seq).event, "log.key.add");
    log.reset();
    bring_back("sound", "ledger");
  }
}

TEST_F(Rotate, entries_are_taken_meanwhile_and_a_clock_step_does_not_shift_a_retirement) {
  const auto log = open();
  const std::string first = vkey_at(*log, 0);
  std::atomic<bool> done = false;
  std::atomic<int> failed = 0;
  std::thread appender([&] {
    while (!done) failed += append(*log, accepted("x")).outcome == Outcome::durable ? 0 : 1;
  });
  for (const KeyType type : {KeyType::ed25519, KeyType::ml_dsa_44}) {
    EXPECT_EQ(add(*log, type).outcome, Outcome::durable);
  }
  wall_ += 10 * kHour;
  const KeyChanged retired = retire(*log, first);
  done = true;
  appender.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(entry_at(*log, retired.seq).plain.at("last-trusted-size"), std::to_string(retired.seq));
  log->close();
  EXPECT_EQ(add(*log).outcome, Outcome::busy);
}

}  // namespace
}  // namespace chancery::log
