#include "ledger/service/frame.h"

#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>
#include <type_traits>

namespace chancery::service {
namespace {

constexpr std::size_t kMaxFields = 64;     // of one event, of each kind
constexpr std::size_t kMaxProof = 128;     // hashes
constexpr std::size_t kMaxKeys = 4096;     // that entries name
constexpr std::size_t kMaxHolds = 4096;    // in force
constexpr std::size_t kEnough = 1U << 20;  // longest single text

class Output {
 public:
  Output() : bytes_(kPrefixBytes, '\0') {}

  template <typename T>
  requires std::is_unsigned_v<T>
  void number(T value) {
    std::array<char, sizeof(T)> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * (bytes.size() - 1 - i)));
    }
    bytes_.append(bytes.data(), bytes.size());
  }
  template <std::size_t kSize>
  void raw(const std::array<std::uint8_t, kSize>& bytes) {
    bytes_.append(reinterpret_cast<const char*>(bytes.data()), kSize);
  }
  void text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    bytes_.append(value);
  }
  void flag(bool value) { number(static_cast<std::uint8_t>(value ? 1 : 0)); }
  void count(std::size_t value) { number(static_cast<std::uint16_t>(value)); }
  // A count that is known later, and then put into its place.
  std::size_t reserve_count() {
    count(0);
    return bytes_.size() - sizeof(std::uint16_t);
  }
  void put_count(std::size_t place, std::size_t value) {
    bytes_[place] = static_cast<char>(value >> 8);
    bytes_[place + 1] = static_cast<char>(value);
  }

  std::string finish() {
    const std::size_t length = bytes_.size() - kPrefixBytes;
    if (length > kMaxFrame) throw std::length_error("a frame would be longer than 16 MiB");
    for (std::size_t i = 0; i < kPrefixBytes; ++i) {
      bytes_[i] = static_cast<char>(length >> (24 - 8 * i));
    }
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
};

// Takes values off the front; after the first that is not there or not allowed everything is empty and ok()
// false.
class Input {
 public:
  explicit Input(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  bool complete() const { return ok_ && rest_.empty(); }
  void fail() {
    ok_ = false;
    rest_ = {};
  }

  std::span<const std::uint8_t> take(std::size_t count) {
    if (count > rest_.size()) {
      fail();
      return {};
    }
    const auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  template <typename T>
  T number() {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : take(sizeof(T))) value = value << 8 | byte;
    return static_cast<T>(value);
  }
  template <typename Array>
  Array raw() {
    Array array{};
    const auto taken = take(array.size());
    std::ranges::copy(taken, array.begin());
    return array;
  }
  std::string_view view(std::size_t most = kEnough) {
    const auto length = number<std::uint32_t>();
    if (length > most) fail();
    const auto taken = ok_ ? take(length) : std::span<const std::uint8_t>{};
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }
  std::string text(std::size_t most = kEnough) { return std::string(view(most)); }
  bool flag() {
    const auto value = number<std::uint8_t>();
    if (value > 1) fail();
    return value == 1;
  }
  std::size_t count(std::size_t most) {
    const auto value = number<std::uint16_t>();
    if (value > most) fail();
    return ok_ ? value : 0;
  }

 private:
  std::span<const std::uint8_t> rest_;
  bool ok_ = true;
};

void put(Output& out, const std::map<std::string, std::string>& fields) {
  out.count(fields.size());
  for (const auto& [key, value] : fields) {
    out.text(key);
    out.text(value);
  }
}

std::map<std::string, std::string> get_fields(Input& in) {
  std::map<std::string, std::string> fields;
  for (std::size_t left = in.count(kMaxFields); left > 0 && in.ok(); --left) {
    std::string key = in.text(255);
    if (!fields.empty() && key <= fields.rbegin()->first) in.fail();
    fields.emplace_hint(fields.end(), std::move(key), in.text());
  }
  return fields;
}

void put(Output& out, const Hello& hello) { out.number(static_cast<std::uint8_t>(hello.role)); }
void put(Output& out, const Append& append) {
  out.count(append.batch.size());
  for (const entry::Event& event : append.batch) {
    out.raw(event.id);
    out.text(event.name);
    put(out, event.plain);
    put(out, event.committed);
  }
}
void put(Output&, const GetHead&) {}
void put(Output& out, const GetEntries& range) {
  out.number(range.from);
  out.number(range.count);
  out.flag(range.with_openings);
}
void put(Output& out, const Find& find) { out.raw(find.id); }
void put(Output& out, const GetInclusion& proof) {
  out.number(proof.seq);
  out.number(proof.size);
}
void put(Output& out, const GetConsistency& proof) {
  out.number(proof.old_size);
  out.number(proof.size);
}
void put(Output&, const GetCheckpoint&) {}
void put(Output& out, const GetCheckpoints& range) {
  out.number(range.from_size);
  out.number(static_cast<std::uint64_t>(range.from_time));
  out.number(range.count);
}
void put(Output& out, const GetHashes& range) {
  out.number(range.from);
  out.number(range.count);
}

void put(Output&, const GetKeys&) {}
void put(Output& out, const AddKey& add) {
  out.raw(add.id);
  out.number(static_cast<std::uint8_t>(add.type));
  out.text(add.reason);
}
void put(Output& out, const RetireKey& retire) {
  out.raw(retire.id);
  out.number(retire.key_id);
  out.text(retire.reason);
}
void put(Output& out, const RevokeKey& revoke) {
  out.raw(revoke.id);
  out.number(revoke.key_id);
  out.number(revoke.last_trusted_size);
  out.text(revoke.reason);
}

void put(Output&, const GetHolds&) {}
void put(Output& out, const Erase& erase) {
  out.text(erase.seqs);
  out.text(erase.basis);
  out.text(erase.reference);
}
void put(Output& out, const HoldChange& change) {
  out.flag(change.set);
  out.text(change.seqs);
  out.text(change.basis);
  out.text(change.officer);
  out.text(change.reason);
}

void get(Input& in, Hello& hello) {
  const auto role = in.number<std::uint8_t>();
  if (role > static_cast<std::uint8_t>(Role::reader)) in.fail();
  hello.role = static_cast<Role>(role);
}
void get(Input& in, Append& append) {
  const std::size_t events = in.count(kMaxBatch);
  if (events == 0) in.fail();
  for (std::size_t i = 0; i < events && in.ok(); ++i) {
    entry::Event& event = append.batch.emplace_back();
    event.id = in.raw<entry::EventId>();
    event.name = in.text(255);
    event.plain = get_fields(in);
    event.committed = get_fields(in);
  }
}
void get(Input&, GetHead&) {}
void get(Input& in, GetEntries& range) {
  range.from = in.number<std::uint64_t>();
  range.count = in.number<std::uint32_t>();
  range.with_openings = in.flag();
}
void get(Input& in, Find& find) { find.id = in.raw<entry::EventId>(); }
void get(Input& in, GetInclusion& proof) {
  proof.seq = in.number<std::uint64_t>();
  proof.size = in.number<std::uint64_t>();
}
void get(Input& in, GetConsistency& proof) {
  proof.old_size = in.number<std::uint64_t>();
  proof.size = in.number<std::uint64_t>();
}
void get(Input&, GetCheckpoint&) {}
void get(Input& in, GetCheckpoints& range) {
  range.from_size = in.number<std::uint64_t>();
  range.from_time = static_cast<entry::Micros>(in.number<std::uint64_t>());
  range.count = in.number<std::uint32_t>();
}
void get(Input& in, GetHashes& range) {
  range.from = in.number<std::uint64_t>();
  range.count = in.number<std::uint32_t>();
}

void get(Input&, GetKeys&) {}
void get(Input& in, AddKey& add) {
  add.id = in.raw<entry::EventId>();
  add.type = static_cast<note::KeyType>(in.number<std::uint8_t>());
  if (add.type != note::KeyType::ed25519 && add.type != note::KeyType::ml_dsa_44) in.fail();
  add.reason = in.text();
}
void get(Input& in, RetireKey& retire) {
  retire.id = in.raw<entry::EventId>();
  retire.key_id = in.number<std::uint32_t>();
  retire.reason = in.text();
}
void get(Input& in, RevokeKey& revoke) {
  revoke.id = in.raw<entry::EventId>();
  revoke.key_id = in.number<std::uint32_t>();
  revoke.last_trusted_size = in.number<std::uint64_t>();
  revoke.reason = in.text();
}

void get(Input&, GetHolds&) {}
void get(Input& in, Erase& erase) {
  erase.seqs = in.text();
  erase.basis = in.text();
  erase.reference = in.text();
}
void get(Input& in, HoldChange& change) {
  change.set = in.flag();
  change.seqs = in.text();
  change.basis = in.text();
  change.officer = in.text();
  change.reason = in.text();
}

void put(Output& out, const Refusal& refusal) { out.text(refusal.reason); }
void put(Output& out, const Appended& appended) {
  out.number(static_cast<std::uint8_t>(appended.outcome));
  out.count(appended.seqs.size());
  for (std::size_t i = 0; i < appended.seqs.size(); ++i) {
    out.number(appended.seqs[i]);
    out.number(static_cast<std::uint64_t>(appended.times[i]));
  }
  out.text(appended.reason);
  out.flag(appended.try_again);
}
void put(Output& out, const Head& head) {
  out.number(head.size);
  out.raw(head.root);
  out.text(head.origin);
  out.flag(head.writable);
  out.text(head.reason);
  out.text(head.warning);
}
template <typename Openings>
void put_entry(Output& out, std::string_view text, const Openings& openings) {
  out.text(text);
  out.count(openings.size());
  for (const auto& [field, opening] : openings) {
    out.text(field);
    out.raw(opening.salt);
    out.text(opening.value);
  }
}
void put(Output& out, const EntriesReply& reply) {
  out.count(reply.entries.size());
  for (const StoredEntry& one : reply.entries) put_entry(out, one.text, one.openings);
}
void put(Output& out, const FoundReply& reply) {
  out.flag(reply.seq.has_value());
  if (reply.seq) out.number(*reply.seq);
}
void put(Output& out, const ProofReply& reply) {
  out.count(reply.hashes.size());
  for (const merkle::Hash& hash : reply.hashes) out.raw(hash);
}
void put(Output& out, const CheckpointReply& reply) {
  out.flag(reply.note.has_value());
  if (reply.note) out.text(*reply.note);
}
void put(Output& out, const CheckpointsReply& reply) {
  out.count(reply.checkpoints.size());
  for (const StoredCheckpoint& one : reply.checkpoints) {
    out.number(one.size);
    out.number(static_cast<std::uint64_t>(one.time));
    out.text(one.note);
  }
}
void put(Output& out, const HashesReply& reply) {
  out.count(reply.hashes.size());
  for (const merkle::Hash& hash : reply.hashes) out.raw(hash);
}

void put(Output& out, const KeysReply& reply) {
  out.count(reply.keys.size());
  for (const LogKey& one : reply.keys) {
    out.number(one.seq);
    out.text(one.vkey);
    out.flag(one.last_trusted_size.has_value());
    if (one.last_trusted_size) out.number(*one.last_trusted_size);
  }
}
void put(Output& out, const KeyChanged& changed) {
  out.number(static_cast<std::uint8_t>(changed.outcome));
  out.number(changed.seq);
  out.text(changed.vkey);
  out.text(changed.words);
  out.flag(changed.try_again);
}

void put(Output& out, const HoldsReply& reply) {
  out.count(reply.holds.size());
  for (const Hold& one : reply.holds) {
    out.text(one.seqs);
    out.text(one.basis);
  }
}

void get(Input& in, Refusal& refusal) { refusal.reason = in.text(); }
Outcome get_outcome(Input& in) {
  const auto outcome = in.number<std::uint8_t>();
  if (outcome > static_cast<std::uint8_t>(Outcome::unknown)) in.fail();
  return static_cast<Outcome>(outcome);
}
void get(Input& in, Appended& appended) {
  appended.outcome = get_outcome(in);
  for (std::size_t left = in.count(kMaxBatch); left > 0 && in.ok(); --left) {
    appended.seqs.push_back(in.number<std::uint64_t>());
    appended.times.push_back(static_cast<entry::Micros>(in.number<std::uint64_t>()));
  }
  appended.reason = in.text();
  appended.try_again = in.flag();
}
void get(Input& in, Head& head) {
  head.size = in.number<std::uint64_t>();
  head.root = in.raw<merkle::Hash>();
  head.origin = in.text();
  head.writable = in.flag();
  head.reason = in.text();
  head.warning = in.text();
}
void get(Input& in, EntriesReply& reply) {
  for (std::size_t left = in.count(kMaxBatch); left > 0 && in.ok(); --left) {
    StoredEntry& one = reply.entries.emplace_back();
    one.text = in.text();
    for (std::size_t openings = in.count(kMaxFields); openings > 0 && in.ok(); --openings) {
      auto& [field, opening] = one.openings.emplace_back();
      field = in.text(255);
      opening.salt = in.raw<opening::Salt>();
      opening.value = in.text();
    }
  }
}
void get(Input& in, FoundReply& reply) {
  if (in.flag()) reply.seq = in.number<std::uint64_t>();
}
void get(Input& in, ProofReply& reply) {
  for (std::size_t left = in.count(kMaxProof); left > 0 && in.ok(); --left) {
    reply.hashes.push_back(in.raw<merkle::Hash>());
  }
}
void get(Input& in, CheckpointReply& reply) {
  if (in.flag()) reply.note = in.text();
}
void get(Input& in, CheckpointsReply& reply) {
  for (std::size_t left = in.count(kMaxBatch); left > 0 && in.ok(); --left) {
    StoredCheckpoint& one = reply.checkpoints.emplace_back();
    one.size = in.number<std::uint64_t>();
    one.time = static_cast<entry::Micros>(in.number<std::uint64_t>());
    one.note = in.text();
  }
}
void get(Input& in, HashesReply& reply) {
  for (std::size_t left = in.count(kMaxHashes); left > 0 && in.ok(); --left) {
    reply.hashes.push_back(in.raw<merkle::Hash>());
  }
}
void get(Input& in, KeysReply& reply) {
  for (std::size_t left = in.count(kMaxKeys); left > 0 && in.ok(); --left) {
    LogKey& one = reply.keys.emplace_back();
    one.seq = in.number<std::uint64_t>();
    one.vkey = in.text();
    if (in.flag()) one.last_trusted_size = in.number<std::uint64_t>();
  }
}
void get(Input& in, KeyChanged& changed) {
  changed.outcome = get_outcome(in);
  changed.seq = in.number<std::uint64_t>();
  changed.vkey = in.text();
  changed.words = in.text();
  changed.try_again = in.flag();
}
void get(Input& in, HoldsReply& reply) {
  for (std::size_t left = in.count(kMaxHolds); left > 0 && in.ok(); --left) {
    Hold& one = reply.holds.emplace_back();
    one.seqs = in.text();
    one.basis = in.text();
  }
}

// The kind of an EntriesReply.
template <typename Wanted, std::size_t kIndex = 0>
constexpr std::uint8_t kind_of() {
  if constexpr (std::is_same_v<std::variant_alternative_t<kIndex, Answer>, Wanted>) {
    return kIndex;
  } else {
    return kind_of<Wanted, kIndex + 1>();
  }
}
constexpr std::uint8_t kEntriesReply = kind_of<EntriesReply>();

// kind, id, then the alternative's own fields.
template <typename Variant>
std::string encode_frame(std::uint64_t id, const Variant& variant) {
  Output out;
  out.number(static_cast<std::uint8_t>(variant.index()));
  out.number(id);
  std::visit([&](const auto& value) { put(out, value); }, variant);
  return out.finish();
}

template <typename Variant, std::size_t kIndex = 0>
void get_alternative(Input& in, std::size_t index, Variant& variant) {
  if constexpr (kIndex == std::variant_size_v<Variant>) {
    in.fail();
  } else if (index == kIndex) {
    get(in, variant.template emplace<kIndex>());
  } else {
    get_alternative<Variant, kIndex + 1>(in, index, variant);
  }
}

template <typename Variant>
bool parse_frame(std::span<const std::uint8_t> bytes, std::uint64_t& id, Variant& variant) {
  if (bytes.size() > kMaxFrame) return false;
  Input in(bytes);
  const auto kind = in.number<std::uint8_t>();
  id = in.number<std::uint64_t>();
  if (in.ok()) get_alternative(in, kind, variant);
  return in.complete();
}

}  // namespace

std::string encode(const Request& request) { return encode_frame(request.id, request.question); }
std::string encode(const Reply& reply) { return encode_frame(reply.id, reply.answer); }

std::string encode_entries(std::uint64_t id, const std::function<void(const AddEntry&)>& fill) {
  Output out;
  out.number(kEntriesReply);
  out.number(id);
  const std::size_t place = out.reserve_count();
  std::size_t count = 0;
  fill([&](std::string_view text, std::span<const opening::FieldOpening> openings) {
    put_entry(out, text, openings);
    ++count;
  });
  out.put_count(place, count);
  return out.finish();
}

std::optional<ReplyHead> parse_head(std::span<const std::uint8_t> bytes) {
  Input in(bytes);
  const auto kind = in.number<std::uint8_t>();
  const auto id = in.number<std::uint64_t>();
  return in.ok() ? std::optional(ReplyHead{id, kind == kEntriesReply}) : std::nullopt;
}

bool visit_entries(std::span<const std::uint8_t> bytes, const std::function<void(const EntryView&)>& visit) {
  if (bytes.size() > kMaxFrame) return false;
  Input in(bytes);
  if (in.number<std::uint8_t>() != kEntriesReply) return false;
  in.number<std::uint64_t>();
  EntryView one;
  for (std::size_t left = in.count(kMaxBatch); left > 0 && in.ok(); --left) {
    one.text = in.view();
    one.details.clear();
    for (std::size_t openings = in.count(kMaxFields); openings > 0 && in.ok(); --openings) {
      const std::string_view field = in.view(255);
      in.take(opening::Salt().size());
      one.details.emplace_back(field, in.view());
    }
    if (in.ok()) visit(one);
  }
  return in.complete();
}

std::optional<Request> parse_request(std::span<const std::uint8_t> bytes) {
  Request request;
  return parse_frame(bytes, request.id, request.question) ? std::optional(std::move(request)) : std::nullopt;
}

std::optional<Reply> parse_reply(std::span<const std::uint8_t> bytes) {
  Reply reply;
  return parse_frame(bytes, reply.id, reply.answer) ? std::optional(std::move(reply)) : std::nullopt;
}

std::optional<std::size_t> frame_length(std::span<const std::uint8_t, kPrefixBytes> prefix) {
  const std::size_t length = std::size_t{prefix[0]} << 24 | std::size_t{prefix[1]} << 16 |
                             std::size_t{prefix[2]} << 8 | std::size_t{prefix[3]};
  return length > 0 && length <= kMaxFrame ? std::optional(length) : std::nullopt;
}

}  // namespace chancery::service
