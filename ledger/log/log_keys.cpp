#include "ledger/log/log_keys.h"

#include <algorithm>

#include "ledger/entry/seqs.h"
#include "ledger/log/error.h"

namespace chancery::log {
namespace {

constexpr std::size_t kSeqBytes = 8;

// The numbers in a row; nullopt when they are not in ascending order below `size`.
std::optional<std::vector<std::uint64_t>> decode_seqs(std::string_view bytes, std::uint64_t size) {
  std::vector<std::uint64_t> seqs;
  if (bytes.size() % kSeqBytes != 0) return std::nullopt;
  for (; !bytes.empty(); bytes.remove_prefix(kSeqBytes)) {
    std::uint64_t seq = 0;
    for (const char byte : bytes.substr(0, kSeqBytes)) seq = seq << 8 | static_cast<std::uint8_t>(byte);
    if (seq >= size || (!seqs.empty() && seq <= seqs.back())) return std::nullopt;
    seqs.push_back(seq);
  }
  return seqs;
}

std::string damaged(std::uint64_t seq) {
  return "entry " + std::to_string(seq) + " is damaged: it does not name a key of the log as it should";
}

std::optional<note::VerifierKey> key_in(const entry::EntryView& view, std::string_view field) {
  return note::VerifierKey::parse(view.plain_value(field).value_or(""));
}

std::optional<std::uint64_t> number_in(const entry::EntryView& view, std::string_view field) {
  return entry::parse_number(view.plain_value(field).value_or(""));
}

// Whether the entry is there, whole, and one of the log's own.
bool read_entry(const store::Snapshot& snapshot, std::uint64_t seq, entry::EntryView& view) {
  const std::string_view text = snapshot.entry(seq);
  return !entry::parse_into(text, view) && view.event.starts_with("log.") &&
         merkle::leaf_hash(text) == snapshot.stored_hash(merkle::stored_index(0, seq));
}

std::variant<std::vector<NamedKey>, std::string> read_keys(const store::Snapshot& snapshot) {
  std::vector<NamedKey> keys;
  if (snapshot.size() == 0) return keys;
  entry::EntryView view;
  if (!read_entry(snapshot, 0, view) || !name_keys(view, 0, keys)) return damaged(0);
  const auto seqs = decode_seqs(snapshot.meta(kKeyEntries).value_or(""), snapshot.size());
  if (!seqs) return std::string("the table of the log's keys in meta is damaged");
  for (const std::uint64_t seq : *seqs) {
    if (!read_entry(snapshot, seq, view) || !name_keys(view, seq, keys)) return damaged(seq);
  }
  return keys;
}

const char* file_stem(note::KeyType type) {
  return type == note::KeyType::ed25519 ? kEd25519File : kMlDsaFile;
}

note::SigningKey read_key(const KeyFolder& folder, const std::string& file, note::KeyType type,
                          const std::string& origin) {
  return note::SigningKey::from_seed(type, origin, folder.read(file, note::SigningKey::kSeedBytes));
}

}  // namespace

const char* name_of(note::KeyType type) { return type == note::KeyType::ed25519 ? "Ed25519" : "ML-DSA-44"; }

std::string id_of(const note::VerifierKey& key) {
  return key.text().substr(key.name().size() + 1, 2 * sizeof(key.id()));
}

bool name_keys(const entry::EntryView& view, std::uint64_t seq, std::vector<NamedKey>& keys) {
  if (view.event == "log.genesis") {
    if (seq != 0 || !keys.empty()) return false;
    for (const char* field : {"vkey", "mldsa-vkey"}) {
      const auto first = key_in(view, field);
      if (!first) return false;
      keys.push_back({{0, *first, std::nullopt}, std::nullopt});
    }
    return true;
  }
  const auto key = key_in(view, "vkey");
  if (!key) return false;
  const auto known = std::ranges::find(keys, *key, &NamedKey::key);
  if (view.event == "log.key.add") {
    if (known != keys.end()) return false;
    keys.push_back({{seq, *key, std::nullopt}, std::nullopt});
    return true;
  }
  const auto last = number_in(view, "last-trusted-size");
  if (known == keys.end() || !last || *last > seq) return false;
  known->last_trusted_size = std::min(*last, known->last_trusted_size.value_or(*last));
  known->ended_by = known->ended_by.value_or(seq);
  return true;
}

std::variant<std::vector<NamedKey>, std::string> named_keys(const store::Snapshot& snapshot) {
  try {
    return read_keys(snapshot);
  } catch (const store::Error& error) {
    if (error.fault() != store::Fault::damaged) throw;
    return std::string(error.what());
  }
}

LogKeys LogKeys::begin(const KeyFolder& folder, const std::string& origin) {
  LogKeys keys(folder, origin);
  for (const note::KeyType type : kKeyTypes) {
    const std::string file = file_stem(type);
    if (!folder.holds(file)) folder.create(file, note::SigningKey::generate(type, origin).seed());
    auto key = read_key(folder, file, type, origin);
    keys.named_.push_back({{0, key.verifier(), std::nullopt}, std::nullopt});
    keys.signing_.push_back({std::move(key), true});
  }
  return keys;
}

LogKeys LogKeys::open(const KeyFolder& folder, const std::string& origin, const store::Snapshot& snapshot) {
  LogKeys keys(folder, origin);
  folder.clear_drafts();
  auto named = named_keys(snapshot);
  if (std::holds_alternative<std::string>(named)) return keys;
  keys.named_ = std::get<std::vector<NamedKey>>(std::move(named));
  keys.key_entries_ = snapshot.meta(kKeyEntries).value_or("");
  const auto handover = decode_seqs(snapshot.meta(kHandover).value_or(""), snapshot.size());
  if (handover && !handover->empty()) keys.handover_ = handover->back();
  keys.read_files(snapshot.size() + 1);
  return keys;
}

// `size`: of the next checkpoint that may be signed.
void LogKeys::read_files(std::uint64_t size) {
  for (const NamedKey& one : named_) {
    const std::string file = file_of(one);
    Signing& signing = signing_.emplace_back();
    signing.has_file = folder_->holds(file);
    if (!one.is_good_for(size)) continue;
    const std::string path = (folder_->path() / file).string();
    if (!signing.has_file) {
      throw Error(path + ": this signing key of the ledger is missing; restore it from a backup");
    }
    signing.key = read_key(*folder_, file, one.key.type(), origin_);
    if (signing.key->verifier() != one.key) {
      throw Error(path + ": these are not the keys of this ledger; restore those that it names");
    }
  }
  for (const note::KeyType type : kKeyTypes) {
    if (count(type, size) == 0) {
      throw Error(std::string("the ledger names no ") + name_of(type) +
                  " key that has not ended: nothing could be signed any more");
    }
  }
}

std::string LogKeys::file_of(const NamedKey& named) const {
  const std::string stem = file_stem(named.key.type());
  return named.seq == 0 ? stem : stem + "-" + id_of(named.key);
}

std::optional<std::size_t> LogKeys::find(std::uint32_t id) const {
  const auto found = std::ranges::find(named_, id, [](const NamedKey& one) { return one.key.id(); });
  return found != named_.end() ? std::optional(static_cast<std::size_t>(found - named_.begin()))
                               : std::nullopt;
}

std::size_t LogKeys::count(note::KeyType type, std::uint64_t size) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      named_, [&](const NamedKey& one) { return one.key.type() == type && one.is_good_for(size); }));
}

std::vector<const note::SigningKey*> LogKeys::signers(std::uint64_t size) const {
  std::vector<const note::SigningKey*> found;
  for (std::size_t i = 0; i < named_.size(); ++i) {
    if (named_[i].is_good_for(size) && signing_[i].key) found.push_back(&*signing_[i].key);
  }
  return found;
}

note::SigningKey LogKeys::spare(note::KeyType type) const {
  const std::string stem = std::string(file_stem(type)) + "-";
  const auto is_named = [&](const note::VerifierKey& key) { return find(key.id()).has_value(); };
  for (const std::string& file : folder_->names(stem)) {
    if (file.size() != stem.size() + 8) continue;  // a draft
    auto key = read_key(*folder_, file, type, origin_);
    if (stem + id_of(key.verifier()) == file && !is_named(key.verifier())) return key;
  }
  for (;;) {
    auto key = note::SigningKey::generate(type, origin_);
    if (is_named(key.verifier())) continue;  // an id is 4 bytes: it must tell the log's keys apart
    folder_->create(stem + id_of(key.verifier()), key.seed());
    return key;
  }
}

void LogKeys::added(std::uint64_t seq, note::SigningKey key) {
  key_entries_ = key_entries_with(seq);
  handover_ = seq;
  named_.push_back({{seq, key.verifier(), std::nullopt}, std::nullopt});
  signing_.push_back({std::move(key), true});
}

void LogKeys::ended(std::size_t which, std::uint64_t last_trusted_size, std::uint64_t seq) {
  key_entries_ = key_entries_with(seq);
  NamedKey& key = named_[which];
  key.last_trusted_size = std::min(last_trusted_size, key.last_trusted_size.value_or(last_trusted_size));
  key.ended_by = key.ended_by.value_or(seq);
  signing_[which].key.reset();
}

std::string LogKeys::key_entries_with(std::uint64_t seq) const { return key_entries_ + encode(seq); }

std::string LogKeys::encode(std::uint64_t seq) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(seq >> shift));
  return bytes;
}

bool LogKeys::awaits_checkpoint(std::uint64_t signed_size) const {
  for (std::size_t i = 0; i < named_.size(); ++i) {
    if (signing_[i].has_file && named_[i].ended_by && signed_size <= *named_[i].ended_by) return true;
  }
  return false;
}

void LogKeys::destroy_ended(std::uint64_t signed_size) {
  for (std::size_t i = 0; i < named_.size(); ++i) {
    const NamedKey& one = named_[i];
    if (!signing_[i].has_file || !one.ended_by || signed_size <= *one.ended_by) continue;
    signing_[i].has_file = false;
    folder_->destroy(file_of(one));
  }
}

}  // namespace chancery::log
