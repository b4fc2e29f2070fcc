#pragma once

#include "ledger/verify/entry_check.h"
#include "ledger/verify/tree_check.h"

namespace chancery::verify {

// Checks every kept checkpoint and every anchor against the tree that was rebuilt, and which keys may have
// signed them: the pinned one, or the genesis entry's; and those that an entry names which a trusted
// checkpoint covers.
class HeadCheck {
 public:
  HeadCheck(const Source& source, const LogEvents& events, const TreeCheck& tree,
            const std::optional<note::VerifierKey>& pinned, Findings& findings);

  void run(Report& report);

 private:
  struct Key {
    note::VerifierKey key;
    std::optional<std::uint64_t> last_trusted_size;
  };

  void trust(const note::VerifierKey& key);
  bool trusts(const note::VerifierKey& key) const;
  // Trusts the keys named below `size`; whether there was a new one.
  bool trust_keys_below(std::uint64_t size);
  void find_trusted_keys();
  // The checkpoint in a note, if its signature (by trusted keys) and its root are right; else says why not.
  std::optional<note::Checkpoint> read(std::string_view bytes, std::string& why) const;
  void check_checkpoints(Report& report);
  bool is_anchored(const LogEvents::Anchor& anchor, std::string_view bytes) const;
  void check_stored_head();

  const Source& source_;
  const LogEvents& events_;
  const TreeCheck& tree_;
  Findings& findings_;
  std::string origin_;
  std::vector<Key> trusted_;
};

}  // namespace chancery::verify
