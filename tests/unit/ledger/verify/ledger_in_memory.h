#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ledger/entry/event_table.h"
#include "ledger/verify/verify.h"

namespace chancery::verify {

// A ledger that tests can build, break and check: what the service would have written, in plain vectors.
struct LedgerInMemory {
  static constexpr const char* kOrigin = "example.org/hub";

  note::SigningKey key =
      note::SigningKey::from_seed(note::KeyType::ed25519, kOrigin, std::vector<std::uint8_t>(32, 7));
  note::SigningKey ml_dsa =
      note::SigningKey::from_seed(note::KeyType::ml_dsa_44, kOrigin, std::vector<std::uint8_t>(32, 9));
  std::vector<std::string> entries;
  std::vector<std::vector<opening::FieldOpening>> openings;
  bool give_openings = true;
  std::vector<merkle::Hash> stored;
  merkle::Frontier frontier;
  std::vector<std::pair<std::uint64_t, std::string>> checkpoints;

  LedgerInMemory() {
    append("log.genesis",
           {{"origin", kOrigin}, {"vkey", key.verifier().text()}, {"mldsa-vkey", ml_dsa.verifier().text()}});
  }

  // The next entry as it should be, with "-" for the plain fields that are not named here.
  entry::Entry next(const std::string& name, const std::map<std::string, std::string>& plain) {
    entry::Entry made;
    made.seq = entries.size();
    made.prev = entries.empty() ? entry::genesis_prev(kOrigin) : merkle::leaf_hash(entries.back());
    made.time = 1'793'611'800'000'000 + static_cast<entry::Micros>(entries.size()) * 1000;
    made.id[0] = static_cast<std::uint8_t>(entries.size());
    made.id[1] = static_cast<std::uint8_t>(entries.size() >> 8);
    made.event = name;
    if (const entry::EventRow* row = entry::find_event(name)) {
      for (const std::string_view field : row->plain) {
        made.plain[std::string(field)] = "-";
      }
    }
    for (const auto& [field, value] : plain) {
      made.plain[field] = value;
    }
    return made;
  }

  void append(const std::string& name, const std::map<std::string, std::string>& plain) {
    append(next(name, plain));
  }

  void append(entry::Entry made) {
    openings.emplace_back();
    if (const entry::EventRow* row = entry::find_event(made.event)) {
      for (const entry::CommittedField& field : row->committed) {
        opening::Opening one{{}, "value of " + std::string(field.key)};
        one.salt[0] = static_cast<std::uint8_t>(entries.size());
        made.commitments[std::string(field.key)] = opening::commitment(one, kOrigin, made.id, field.key);
        openings.back().push_back({std::string(field.key), one});
      }
    }
    add_text(made.text());
  }

  void add_text(std::string text) {
    frontier.append(merkle::leaf_hash(text), stored);
    entries.push_back(std::move(text));
    openings.resize(entries.size());
  }

  void sign() { sign(key); }
  void sign(const note::SigningKey& by) { sign(by, ml_dsa); }
  void sign(const note::SigningKey& by, const note::SigningKey& cosigner) { sign({&by, &cosigner}); }
  void sign(const std::vector<const note::SigningKey*>& keys) {
    const note::Checkpoint head{kOrigin, frontier.size(), frontier.root()};
    checkpoints.emplace_back(head.size, note::sign_note(head.body(), keys, 1'793'611'800).encode());
  }

  Source source() {
    Source from;
    from.entries = [this](const Source::VisitEntry& visit) {
      for (std::size_t i = 0; i < entries.size(); ++i) {
        const Openings given(openings[i]);
        if (!visit(i, entries[i], give_openings ? &given : nullptr)) {
          return;
        }
      }
    };
    from.checkpoints = [this](const auto& visit) {
      for (const auto& [size, note] : checkpoints) {
        if (!visit(size, note)) {
          return;
        }
      }
    };
    from.hashes = [this](std::uint64_t first, const auto& visit) {
      for (std::uint64_t i = first; i < stored.size() && visit(i, stored[i]); ++i) {
      }
    };
    return from;
  }

  Report check() { return verify::check(source(), {}); }
  Report check(const note::VerifierKey& pinned) { return verify::check(source(), std::span(&pinned, 1)); }
  Report check(std::span<const note::VerifierKey> pinned) { return verify::check(source(), pinned); }
};

// Twelve entries, with checkpoints of 4 and of all.
inline LedgerInMemory sound_ledger() {
  LedgerInMemory ledger;
  for (int i = 1; i < 12; ++i) {
    ledger.append("delivery.opened", {{"agency", "council"}, {"object", "o" + std::to_string(i)}});
    if (i == 3) {
      ledger.sign();
    }
  }
  ledger.sign();
  return ledger;
}

// Whether a finding is at this entry (nullopt: at none) and has these words in it.
inline bool finds(const Report& report, std::optional<std::uint64_t> seq, const std::string& words) {
  for (const Finding& finding : report.findings) {
    if (finding.seq == seq && finding.text.find(words) != std::string::npos) {
      return true;
    }
  }
  return false;
}

inline std::string list(const Report& report) {
  std::string text;
  for (const Finding& finding : report.findings) {
    text +=
        (finding.seq ? "entry " + std::to_string(*finding.seq) + ": " : std::string()) + finding.text + "\n";
  }
  return text;
}

}  // namespace chancery::verify
