#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ledger/note/note.h"

namespace chancery::exports {

// The keys that are in use after some entries: those that entries name and none of them ends.
class PresentKeys {
 public:
  PresentKeys() = default;
  // As they were after some first entries. These may be read once more.
  explicit PresentKeys(std::vector<note::VerifierKey> keys) : keys_(std::move(keys)) {}

  // In order of their seqs. What is no entry, or names no key, changes nothing; nor does a key beyond
  // note::kMaxNamedKeys, which a ledger has not.
  void read(std::string_view entry);

  const std::vector<note::VerifierKey>& keys() const { return keys_; }
  // The content of the files log-policy and log-policy.ed25519.
  std::string log_policy() const;
  std::string log_policy_ed25519() const;

 private:
  void add(std::string_view vkey);
  void end(std::string_view vkey);

  std::vector<note::VerifierKey> keys_;
};

}  // namespace chancery::exports
