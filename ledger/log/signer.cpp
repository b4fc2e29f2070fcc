#include "ledger/log/signer.h"

#include <algorithm>

#include <botan/hex.h>

namespace chancery::log {
namespace {

constexpr std::size_t kHeadBytes = 8 + sizeof(merkle::Hash);

std::vector<std::uint8_t> encode(const SignedHead& head) {
  std::vector<std::uint8_t> bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(head.size >> shift));
  bytes.insert(bytes.end(), head.root.begin(), head.root.end());
  return bytes;
}

SignedHead decode(std::span<const std::uint8_t, kHeadBytes> bytes) {
  SignedHead head;
  for (const std::uint8_t byte : bytes.first<8>()) head.size = head.size << 8 | byte;
  std::ranges::copy(bytes.subspan<8>(), head.root.begin());
  return head;
}

}  // namespace

std::optional<SignedHead> read_signed_head(const store::Snapshot& snapshot) {
  const auto text = snapshot.meta(kSignedHead);
  if (!text) return std::nullopt;
  if (text->size() != kHeadBytes)
    throw store::Error(store::Fault::damaged, "the signed head in meta is not 40 bytes");
  const std::vector<std::uint8_t> bytes(text->begin(), text->end());
  return decode(std::span(bytes).first<kHeadBytes>());
}

std::optional<SignedHead> read_signed_head(const KeyFolder& folder) {
  const auto bytes = folder.read_if_there(kSignedFile, kHeadBytes);
  return bytes ? std::optional(decode(std::span(*bytes).first<kHeadBytes>())) : std::nullopt;
}

void remember_signed_head(const KeyFolder& folder, const SignedHead& head) {
  folder.replace(kSignedFile, encode(head));
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

std::variant<Signing, std::string> sign_checkpoint(const store::Snapshot& snapshot, const LogKeys& keys,
                                                   const std::string& origin, entry::Micros now) {
  const auto last = read_signed_head(snapshot);
  if (last) {
    if (auto why = contradiction(snapshot, *last)) return *std::move(why);
  }
  const note::Checkpoint checkpoint{origin, snapshot.size(),
                                    merkle::tree_root(snapshot.size(), snapshot.node_reader())};
  const auto signers = keys.signers(checkpoint.size);
  const auto seconds = static_cast<std::uint64_t>(now / 1'000'000);
  Signing signing;
  signing.head = {checkpoint.size, checkpoint.root};
  signing.batch.checkpoints.push_back(
      {checkpoint.size, now, note::sign_note(checkpoint.body(), signers, seconds).encode()});
  const auto head = encode(signing.head);
  signing.batch.meta[kSignedHead] = std::string(head.begin(), head.end());
  return signing;
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
