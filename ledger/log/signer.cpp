#include "ledger/log/signer.h"

#include <algorithm>

#include <botan/hex.h>

namespace chancery::log {
namespace {

constexpr std::size_t kHeadBytes = 8 + sizeof(merkle::Hash);

}  // namespace

std::string encode(const SignedHead& head) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(head.size >> shift));
  return bytes.append(head.root.begin(), head.root.end());
}

std::optional<SignedHead> read_signed_head(const store::Snapshot& snapshot) {
  const auto bytes = snapshot.meta(kSignedHead);
  if (!bytes) return std::nullopt;
  if (bytes->size() != kHeadBytes)
    throw store::Error(store::Fault::damaged, "the signed head in meta is not 40 bytes");
  SignedHead head;
  for (std::size_t i = 0; i < 8; ++i) head.size = head.size << 8 | static_cast<std::uint8_t>((*bytes)[i]);
  std::copy(bytes->begin() + 8, bytes->end(), head.root.begin());
  return head;
}

std::optional<std::string> contradiction(const store::Snapshot& snapshot, const SignedHead& head) {
  const std::string signed_size = std::to_string(head.size);
  if (head.size > snapshot.size()) {
    return "a checkpoint of " + signed_size + " entries was signed and there are only " +
           std::to_string(snapshot.size()) + ": the end of the ledger is missing";
  }
  if (merkle::tree_root(head.size, snapshot.node_reader()) != head.root) {
    return "the first " + signed_size + " entries are not those of the checkpoint that was signed for them";
  }
  return std::nullopt;
}

std::variant<store::Batch, std::string> sign_checkpoint(const store::Snapshot& snapshot, const LogKeys& keys,
                                                        const std::string& origin, entry::Micros now) {
  const auto last = read_signed_head(snapshot);
  if (last) {
    if (auto why = contradiction(snapshot, *last)) return *std::move(why);
  }
  const note::Checkpoint checkpoint{origin, snapshot.size(),
                                    merkle::tree_root(snapshot.size(), snapshot.node_reader())};
  const auto signers = keys.signers(checkpoint.size);
  const auto seconds = static_cast<std::uint64_t>(now / 1'000'000);
  store::Batch batch;
  batch.checkpoints.push_back(
      {checkpoint.size, now, note::sign_note(checkpoint.body(), signers, seconds).encode()});
  batch.meta[kSignedHead] = encode({checkpoint.size, checkpoint.root});
  return batch;
}

entry::Event genesis_event(const LogKeys& keys, const std::string& origin) {
  entry::Event event;
  event.id = entry::new_id();
  event.name = "log.genesis";
  event.plain = {{"origin", origin},
                 {"vkey", keys.named().at(0).key.text()},
                 {"mldsa-vkey", keys.named().at(1).key.text()},
                 {"version", "1"},
                 {"prior-origin", "-"},
                 {"prior-size", "-"},
                 {"prior-root", "-"}};
  event.committed = {{"reason", ""}};
  return event;
}

entry::Event anchor_event(const store::StoredCheckpoint& checkpoint, const merkle::Hash& root) {
  entry::Event event;
  event.id = entry::new_id();
  event.name = "log.anchor";
  event.plain = {{"size", std::to_string(checkpoint.size)},
                 {"root", merkle::to_base64(root)},
                 {"note-sha256", Botan::hex_encode(merkle::sha256_of(checkpoint.note), false)}};
  return event;
}

entry::Event clock_event(entry::Micros by) {
  entry::Event event;
  event.id = entry::new_id();
  event.name = "clock.stepped";
  event.plain = {{"by-ms", std::to_string(by / 1000)}};
  return event;
}

}  // namespace chancery::log
