#include "ledger/verify/head_check.h"

#include <algorithm>
#include <map>
#include <set>

#include <botan/hex.h>

namespace chancery::verify {
namespace {

// What an anchor's note-sha256 is taken over: the note with the log's own signature lines only, since others
// may add theirs later.
std::string own_note_sha256(note::Note note, std::string_view origin) {
  std::erase_if(note.signatures, [&](const note::SignatureLine& line) { return line.name != origin; });
  return Botan::hex_encode(merkle::sha256_of(note.encode()), false);
}

std::string at_size(std::uint64_t size) { return "the checkpoint of " + std::to_string(size) + " entries "; }

}  // namespace

std::optional<note::Checkpoint> checkpoint_of(std::string_view bytes) {
  const auto parsed = note::parse_note(bytes);
  const auto* note = std::get_if<note::Note>(&parsed);
  return note != nullptr ? note::parse_checkpoint(note->text) : std::nullopt;
}

HeadCheck::HeadCheck(const Source& source, const LogEvents& events, const TreeCheck& tree,
                     std::span<const note::VerifierKey> pinned, const Demands& demands, Findings& findings)
    : source_(source),
      events_(events),
      tree_(tree),
      demands_(demands),
      findings_(findings),
      origin_(events.origin) {
  if (!pinned.empty()) {
    pin(pinned);
    return;
  }
  for (const note::NamedKey& named : events.keys) {
    if (named.seq == 0) {
      trusted_.insert(named.key);
    }
  }
}

void HeadCheck::pin(std::span<const note::VerifierKey> keys) {
  if (origin_.empty()) {
    origin_ = keys.front().name();
  }
  for (const note::VerifierKey& key : keys) {
    if (key.name() != origin_) {
      findings_.add(std::nullopt,
                    "this is the ledger of " + origin_ + ", and a given key is one of " + key.name());
    } else if (std::ranges::find(events_.keys, key, &note::NamedKey::key) == events_.keys.end()) {
      findings_.add(std::nullopt, "the given key " + key.text().substr(0, key.name().size() + 9) +
                                      " is none that this ledger names");
    }
    trusted_.insert(key);
  }
}

bool HeadCheck::trusts(const note::VerifierKey& key) const { return trusted_.contains(key); }

std::vector<note::VerifierKey> HeadCheck::keys_for(std::uint64_t size) const {
  std::vector<note::VerifierKey> keys;
  for (const note::NamedKey& named : events_.keys) {
    if (named.is_good_for(size) && trusts(named.key)) {
      keys.push_back(named.key);
    }
  }
  return keys;
}

bool HeadCheck::has_false_line(const note::Note& note, std::span<const note::VerifierKey> besides) const {
  std::vector<note::VerifierKey> others;
  for (const note::NamedKey& named : events_.keys) {
    if (std::ranges::find(besides, named.key) == besides.end()) {
      others.push_back(named.key);
    }
  }
  return note::verify_note(note, others) == note::Signed::bad_signature;
}

bool HeadCheck::trust_keys_below(std::uint64_t size) {
  bool any = false;
  for (const note::NamedKey& named : events_.keys) {
    if (named.seq < size && !trusts(named.key)) {
      trusted_.insert(named.key);
      any = true;
    }
  }
  return any;
}

std::optional<note::Checkpoint> HeadCheck::read(std::string_view bytes, std::string& why) const {
  const auto parsed = note::parse_note(bytes);
  const auto* note = std::get_if<note::Note>(&parsed);
  auto checkpoint = note != nullptr ? note::parse_checkpoint(note->text) : std::nullopt;
  if (!checkpoint) {
    why = "is not a signed tree head";
    return std::nullopt;
  }
  if (checkpoint->origin != origin_) {
    why = "is one of " + checkpoint->origin;
    return std::nullopt;
  }
  const auto keys = keys_for(checkpoint->size);
  const auto has = [](const auto& among, note::KeyType type) {
    return std::ranges::find(among, type, &note::VerifierKey::type) != among.end();
  };
  for (const note::KeyType type : {note::KeyType::ed25519, note::KeyType::ml_dsa_44}) {
    // A kind that is trusted at all is asked for, or else forging the other kind would retire it.
    if ((needs_both_ || has(trusted_, type)) && !has(keys, type)) {
      why = "is not signed by keys of the log that are trusted for it";
      return std::nullopt;
    }
  }
  switch (note::verify_note(*note, keys)) {
    case note::Signed::valid:
      break;
    case note::Signed::unknown_key:
      why = "is not signed by keys of the log that are trusted for it";
      return std::nullopt;
    case note::Signed::bad_signature:
      why = "has a false signature";
      return std::nullopt;
  }
  if (has_false_line(*note, keys)) {
    why = "has a false signature";
    return std::nullopt;
  }
  const auto root = tree_.root_of(checkpoint->size);
  if (!root) {
    why = "was signed, and there are only " + std::to_string(tree_.size()) + " entries: the end is missing";
    return std::nullopt;
  }
  if (*root != checkpoint->root) {
    why =
        "is not that of these entries: one of the first " + std::to_string(checkpoint->size) + " was changed";
    return std::nullopt;
  }
  return checkpoint;
}

// A checkpoint that is right makes the keys trusted that the entries below it name, and these may make
// further checkpoints right: repeated until nothing is new. Without rotations this reads one checkpoint.
void HeadCheck::find_trusted_keys() {
  const auto all_trusted = [&] {
    return std::ranges::all_of(events_.keys, [&](const note::NamedKey& named) { return trusts(named.key); });
  };
  for (bool news = true; news && !all_trusted();) {
    news = false;
    source_.checkpoints([&](std::uint64_t, std::string_view bytes) {
      std::string why;
      const auto checkpoint = read(bytes, why);
      news = (checkpoint && !misses_policy(bytes) && trust_keys_below(checkpoint->size)) || news;
      return !all_trusted();
    });
  }
}

std::optional<std::string> HeadCheck::misses_policy(std::string_view bytes) const {
  if (!demands_.policy) {
    return std::nullopt;
  }
  const auto note = std::get<note::Note>(note::parse_note(bytes));
  const std::uint64_t size = note::parse_checkpoint(note.text).value().size;
  const auto given = demands_.policy->keys();
  std::vector<note::VerifierKey> signers;
  std::set<note::KeyType> others;  // kinds of those who have signed and are not in the policy
  for (const note::VerifierKey& key : keys_for(size)) {
    if (note::verify_note(note, std::span(&key, 1)) != note::Signed::valid) {
      continue;
    }
    signers.push_back(key);
    if (std::ranges::find(given, key) == given.end()) {
      others.insert(key.type());
    }
  }
  return demands_.policy->refuses([&](const note::VerifierKey& key) {
    const auto named = std::ranges::find(events_.keys, key, &note::NamedKey::key);
    const bool has_ended = named != events_.keys.end() && named->has_ended_below(size);
    return has_ended ? others.contains(key.type()) : std::ranges::find(signers, key) != signers.end();
  });
}

bool HeadCheck::is_anchored(const LogEvents::Anchor& anchor, std::string_view bytes) const {
  const auto parsed = note::parse_note(bytes);
  const auto* note = std::get_if<note::Note>(&parsed);
  const auto checkpoint = note != nullptr ? note::parse_checkpoint(note->text) : std::nullopt;
  return checkpoint && checkpoint->root == anchor.root &&
         own_note_sha256(*note, origin_) == anchor.note_sha256;
}

void HeadCheck::check_checkpoints(Report& report) {
  std::vector<bool> kept(events_.anchors.size());
  std::multimap<std::uint64_t, std::size_t> anchored;  // size, index among the anchors
  for (std::size_t i = 0; i < events_.anchors.size(); ++i) {
    anchored.emplace(events_.anchors[i].size, i);
  }
  std::uint64_t wrong = 0;
  std::uint64_t seen = 0;
  std::string newest;
  source_.checkpoints([&](std::uint64_t size, std::string_view bytes) {
    ++seen;
    newest.clear();
    std::string why;
    const auto checkpoint = read(bytes, why);
    if (!checkpoint || checkpoint->size != size) {
      // After the first, the same fault will be found in every later one.
      if (wrong++ == 0) {
        findings_.add(std::nullopt, at_size(size) + (checkpoint ? "is one of another size" : why));
      }
      return true;
    }
    newest = bytes;
    ++report.checkpoints;
    report.covered = std::max(report.covered, size);
    const auto [first, last] = anchored.equal_range(size);
    for (auto at = first; at != last; ++at) {
      kept[at->second] = kept[at->second] || is_anchored(events_.anchors[at->second], bytes);
    }
    return true;
  });
  if (seen == 0) {
    findings_.add(std::nullopt, "there is no checkpoint: nobody has signed for these entries");
  }
  if (const auto misses = newest.empty() ? std::nullopt : misses_policy(newest)) {
    findings_.add(std::nullopt, at_size(report.covered) +
                                    "is not signed by those of whom the given policy asks it: " + *misses);
  }
  if (wrong > 1) {
    findings_.add(std::nullopt, std::to_string(wrong - 1) + " further checkpoints are wrong");
  }
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (!kept[i]) {
      findings_.add(events_.anchors[i].seq, "the checkpoint of " + std::to_string(events_.anchors[i].size) +
                                                " entries that it anchors is not kept, or is another");
    }
  }
}

void HeadCheck::check_stored_head() {
  if (!source_.head) {
    return;
  }
  const note::Checkpoint head = source_.head();
  if (head.size != tree_.size()) {
    findings_.add(std::nullopt, "the ledger says that it has " + std::to_string(head.size) +
                                    " entries, and has " + std::to_string(tree_.size()));
  } else if (head.root != tree_.root()) {
    findings_.add(std::nullopt, "the root that the ledger has written down is not that of its entries");
  }
}

void HeadCheck::check_continues() {
  for (const std::string& bytes : demands_.newer_than) {
    const auto checkpoint = checkpoint_of(bytes);
    std::string why = "is not a signed tree head";
    if (!checkpoint || !read(bytes, why)) {
      findings_.add(std::nullopt, (checkpoint ? at_size(checkpoint->size) : "the checkpoint ") +
                                      "that the ledger should continue " + why);
    }
  }
}

void HeadCheck::run(Report& report) {
  report.origin = origin_;
  for (const note::VerifierKey& key : trusted_) {
    report.keys.push_back(key.text());
  }
  find_trusted_keys();
  needs_both_ = true;
  check_checkpoints(report);
  check_stored_head();
  check_continues();
}

}  // namespace chancery::verify
