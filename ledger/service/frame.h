#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ledger/opening/entry_seal.h"
#include "ledger/service/client.h"

// What client and service say to each other, as values and as bytes: docs/ledger-service.md, "Frames". Pure.
namespace chancery::service {

inline constexpr std::size_t kPrefixBytes = 4;                   // u32be: how many bytes follow
inline constexpr std::size_t kMaxFrame = std::size_t{16} << 20;  // of what follows
inline constexpr std::size_t kMaxBatch = 1024;   // events of one append, entries or checkpoints of one answer
inline constexpr std::size_t kMaxHashes = 8192;  // stored hashes of one answer

struct Hello {
  Role role = Role::reader;
};
struct Append {
  std::vector<entry::Event> batch;
};
struct GetHead {};
struct GetEntries {
  std::uint64_t from = 0;
  std::uint32_t count = 0;
  bool with_openings = false;
};
struct Find {
  entry::EventId id{};
};
struct GetInclusion {
  std::uint64_t seq = 0, size = 0;
};
struct GetConsistency {
  std::uint64_t old_size = 0, size = 0;
};
struct GetCheckpoint {};
struct GetCheckpoints {
  std::uint64_t from_size = 0;
  entry::Micros from_time = 0;
  std::uint32_t count = 0;
};
struct GetHashes {
  std::uint64_t from = 0;
  std::uint32_t count = 0;
};
struct GetKeys {};
struct AddKey {
  entry::EventId id{};
  note::KeyType type = note::KeyType::ed25519;
  std::string reason;
};
struct RetireKey {
  entry::EventId id{};
  std::uint32_t key_id = 0;
  std::string reason;
};
struct RevokeKey {
  entry::EventId id{};
  std::uint32_t key_id = 0;
  std::uint64_t last_trusted_size = 0;
  std::string reason;
};
struct GetHolds {};
struct Erase {
  std::string seqs, basis, reference;
};

// In the order of their verbs on the wire, from 0 on.
using Question = std::variant<Hello, Append, GetHead, GetEntries, Find, GetInclusion, GetConsistency,
                              GetCheckpoint, GetCheckpoints, GetHashes, GetKeys, AddKey, RetireKey, RevokeKey,
                              GetHolds, Erase, HoldChange>;

struct Request {
  std::uint64_t id = 0;  // the client's; its reply carries the same
  Question question;
};

struct Refusal {
  std::string reason;
};  // to any request that is not answered otherwise
struct FoundReply {
  std::optional<std::uint64_t> seq;
};
struct EntriesReply {
  std::vector<StoredEntry> entries;
};
struct ProofReply {
  std::vector<merkle::Hash> hashes;
};
struct CheckpointReply {
  std::optional<std::string> note;
};
struct CheckpointsReply {
  std::vector<StoredCheckpoint> checkpoints;
};
struct HashesReply {
  std::vector<merkle::Hash> hashes;
};

struct KeysReply {
  std::vector<LogKey> keys;
};

struct HoldsReply {
  std::vector<Hold> holds;
};

using Answer = std::variant<Refusal, Appended, Head, EntriesReply, FoundReply, ProofReply, CheckpointReply,
                            CheckpointsReply, HashesReply, KeysReply, KeyChanged, HoldsReply>;

struct Reply {
  std::uint64_t id = 0;
  Answer answer;
};

// The whole frame, its length in front. Throws std::length_error for one over kMaxFrame.
std::string encode(const Request& request);
std::string encode(const Reply& reply);

// The frame of an EntriesReply, whose entries `fill` adds. Throws as encode().
using AddEntry = std::function<void(std::string_view text, std::span<const opening::FieldOpening> openings)>;
std::string encode_entries(std::uint64_t id, const std::function<void(const AddEntry&)>& fill);

// Reads what follows the length. nullopt for anything but what encode() can return: encode(parse(bytes))
// gives the same bytes.
[[nodiscard]] std::optional<Request> parse_request(std::span<const std::uint8_t> bytes);
[[nodiscard]] std::optional<Reply> parse_reply(std::span<const std::uint8_t> bytes);

// What such a reply answers, and whether it is an EntriesReply; its end is not looked at. nullopt for fewer
// bytes than every reply has.
struct ReplyHead {
  std::uint64_t id = 0;
  bool entries = false;
};
[[nodiscard]] std::optional<ReplyHead> parse_head(std::span<const std::uint8_t> bytes);

// Visits the entries of an EntriesReply, as parse_reply() reads them, in its bytes. False for anything else,
// of which the first entries may have been visited.
[[nodiscard]] bool visit_entries(std::span<const std::uint8_t> bytes,
                                 const std::function<void(const EntryView&)>& visit);

// The length in a prefix; nullopt when it is 0 or over kMaxFrame.
[[nodiscard]] std::optional<std::size_t> frame_length(std::span<const std::uint8_t, kPrefixBytes> prefix);

}  // namespace chancery::service
