#pragma once

#include <optional>
#include <string>
#include <variant>

#include "ledger/log/log.h"
#include "ledger/log/log_keys.h"
#include "ledger/store/store.h"

namespace chancery::log {

// A tree head that was signed: it must never be contradicted. Kept in the store's meta as `head`: u64be size,
// root.
struct SignedHead {
  std::uint64_t size = 0;
  merkle::Hash root{};
};

inline constexpr const char* kSignedHead = "head";
std::string encode(const SignedHead& head);
std::optional<SignedHead> read_signed_head(const store::Snapshot& snapshot);  // nullopt when none was signed

// Answers why the stored tree does not continue `head`, or nullopt when it does: the root of the first
// `head.size` entries is computed from the stored hashes.
[[nodiscard]] std::optional<std::string> contradiction(const store::Snapshot& snapshot,
                                                       const SignedHead& head);

// The checkpoint of everything in `snapshot`, signed with each key that is good for it, and the head to
// remember, as one commit; or why it is not signed.
[[nodiscard]] std::variant<store::Batch, std::string> sign_checkpoint(const store::Snapshot& snapshot,
                                                                      const LogKeys& keys,
                                                                      const std::string& origin,
                                                                      entry::Micros now);

// The events that the log writes itself.
entry::Event genesis_event(const LogKeys& keys, const std::string& origin);
entry::Event anchor_event(const store::StoredCheckpoint& checkpoint, const merkle::Hash& root);
entry::Event clock_event(entry::Micros by);

}  // namespace chancery::log
