#pragma once

#include <set>

#include "ledger/verify/entry_check.h"
#include "ledger/verify/tree_check.h"

namespace chancery::verify {

// What a note says, whoever signed it; nullopt if it is no checkpoint.
std::optional<note::Checkpoint> checkpoint_of(std::string_view bytes);

// Checks every kept checkpoint and every anchor against the tree that was rebuilt, and which keys may have
// signed them: the pinned ones, or the genesis entry's; and those that an entry names which a trusted
// checkpoint covers. In the end each must be signed by a key of either type.
class HeadCheck {
 public:
  HeadCheck(const Source& source, const LogEvents& events, const TreeCheck& tree,
            std::span<const note::VerifierKey> pinned, const Demands& demands, Findings& findings);

  // Also checks that the newest checkpoint is signed by those of whom the policy asks it, and that the ledger
  // continues the checkpoints that it should.
  void run(Report& report);

 private:
  void pin(std::span<const note::VerifierKey> keys);
  bool trusts(const note::VerifierKey& key) const;
  // Of the trusted keys those that are good for checkpoints of this size.
  std::vector<note::VerifierKey> keys_for(std::uint64_t size) const;
  // Whether a line of any other key that the ledger names is no signature of the note by it.
  bool has_false_line(const note::Note& note, std::span<const note::VerifierKey> besides) const;
  // Trusts the keys named below `size`; whether there was a new one.
  bool trust_keys_below(std::uint64_t size);
  void find_trusted_keys();
  // Whether those who have signed the checkpoint in a note are not enough for the policy, if there is one.
  // For a key of the policy that had ended another trusted one of its kind stands in.
  std::optional<std::string> misses_policy(std::string_view bytes) const;
  // The checkpoint in a note, if its signature (by trusted keys) and its root are right; else says why not.
  std::optional<note::Checkpoint> read(std::string_view bytes, std::string& why) const;
  void check_checkpoints(Report& report);
  bool is_anchored(const LogEvents::Anchor& anchor, std::string_view bytes) const;
  void check_stored_head();
  void check_continues();

  const Source& source_;
  const LogEvents& events_;
  const TreeCheck& tree_;
  const Demands& demands_;
  Findings& findings_;
  std::string origin_;
  std::set<note::VerifierKey> trusted_;
  bool needs_both_ = false;  // kinds of signature: when all trusted keys are found
};

}  // namespace chancery::verify
