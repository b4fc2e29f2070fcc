#pragma once

#include <optional>
#include <string>
#include <variant>

#include "ledger/log/log.h"
#include "ledger/log/log_keys.h"
#include "ledger/store/store.h"

namespace chancery::log {

// A tree head that was signed: it must never be contradicted. Kept as u64be size, root: in the store's meta
// as `head`, and beside the keys, so that an older copy of the ledger that is put back is not signed on.
struct SignedHead {
  std::uint64_t size = 0;
  merkle::Hash root{};
};

inline constexpr const char* kSignedHead = "head";
inline constexpr const char* kSignedFile = "signed";
// Both answer nullopt when none was signed.
std::optional<SignedHead> read_signed_head(const store::Snapshot& snapshot);
std::optional<SignedHead> read_signed_head(const KeyFolder& folder);
// To be called before the checkpoint can be seen by anybody.
void remember_signed_head(const KeyFolder& folder, const SignedHead& head);

// Answers why the stored tree does not continue `head`, or nullopt when it does: the root of the first
// `head.size` entries is computed from the stored hashes.
[[nodiscard]] std::optional<std::string> contradiction(const store::Snapshot& snapshot,
                                                       const SignedHead& head);

// The checkpoint of everything in `snapshot`, signed with each key that is good for it, and the head to
// remember; or why it is not signed.
struct Signing {
  store::Batch batch;  // of one commit
  SignedHead head;
};
[[nodiscard]] std::variant<Signing, std::string> sign_checkpoint(const store::Snapshot& snapshot,
                                                                 const LogKeys& keys,
                                                                 const std::string& origin,
                                                                 entry::Micros now);

// The events that the log writes itself.
entry::Event genesis_event(const LogKeys& keys, const std::string& origin);
entry::Event anchor_event(const store::StoredCheckpoint& checkpoint, const merkle::Hash& root);
entry::Event clock_event(entry::Micros by);

}  // namespace chancery::log
