#pragma once

#include <map>
#include <string>
#include <vector>

#include "ledger/entry/event_table.h"
#include "ledger/note/proof.h"
#include "ledger/receipt/receipt.h"

namespace chancery::receipt {

// A log whose entries are proven as the hub proves them: keys, entries with their openings, tree.
struct ReceiptsInMemory {
  static constexpr const char* kOrigin = "example.org/hub";

  note::SigningKey key =
      note::SigningKey::from_seed(note::KeyType::ed25519, kOrigin, std::vector<std::uint8_t>(32, 7));
  note::SigningKey ml_dsa =
      note::SigningKey::from_seed(note::KeyType::ml_dsa_44, kOrigin, std::vector<std::uint8_t>(32, 9));
  std::vector<entry::Event> events;
  std::vector<std::string> texts;
  std::vector<FieldOpenings> openings;
  std::vector<merkle::Hash> stored;
  merkle::Frontier frontier;

  std::vector<note::VerifierKey> keys() const { return {key.verifier(), ml_dsa.verifier()}; }

  // Appends an event: fields that are not named are absent.
  std::uint64_t append(const std::string& name, const std::map<std::string, std::string>& plain,
                       const std::map<std::string, std::string>& committed) {
    entry::Event event{{}, name, plain, committed};
    event.id[0] = static_cast<std::uint8_t>(texts.size());
    entry::Entry made;
    made.seq = texts.size();
    made.prev = texts.empty() ? entry::genesis_prev(kOrigin) : merkle::leaf_hash(texts.back());
    made.time = 1'793'611'800'000'000;
    made.id = event.id;
    made.event = name;
    openings.emplace_back();
    if (const entry::EventRow* row = entry::find_event(name)) {
      for (const std::string_view field : row->plain) event.plain.try_emplace(std::string(field), "-");
      for (const auto& field : row->committed) {
        const opening::Opening one{{5, made.id[0]}, event.committed[std::string(field.key)]};
        made.commitments[std::string(field.key)] = opening::commitment(one, kOrigin, made.id, field.key);
        openings.back().emplace_back(field.key, one);
      }
    }
    made.plain = event.plain;
    events.push_back(event);
    texts.push_back(made.text());
    frontier.append(merkle::leaf_hash(texts.back()), stored);
    return made.seq;
  }

  std::string checkpoint() const {
    const note::Checkpoint head{kOrigin, frontier.size(), frontier.root()};
    const std::vector<const note::SigningKey*> both{&key, &ml_dsa};
    return note::sign_note(head.body(), both, 1'793'611'800).encode();
  }

  note::Proof prove(std::uint64_t seq) const {
    const auto read = [&](std::uint64_t at) { return stored.at(at); };
    return {texts.at(seq), seq, merkle::inclusion_proof(seq, frontier.size(), read), checkpoint()};
  }
};

// An upload of "rows" and its delivery, among other entries. Entry kAccepted and entry kMade.
inline constexpr std::uint64_t kAccepted = 1, kMade = 2;
inline constexpr const char* kRowsSha256 = "bc51e9e65d79e1c90ba544ab2eae1044ccdf8c1af7a559ba375cba4276f7d99e";

inline ReceiptsInMemory sample_receipts() {
  ReceiptsInMemory log;
  log.append("policy.activated", {{"files", "3"}}, {{"summary", "2 agencies"}});
  log.append("file.accepted", {{"agency", "acute"}, {"route", "flow"}, {"transfer", std::string(32, 'a')}},
             {{"account", "acute-upload"}, {"name", "oct.csv"}, {"sha256", kRowsSha256}, {"size", "4"}});
  log.append("delivery.made",
             {{"agency", "council"},
              {"object", std::string(32, 'b')},
              {"sealed-sha256", std::string(64, 'c')},
              {"sealed-size", "204"},
              {"transfer", std::string(32, 'a')}},
             {{"name", "oct.csv"}, {"sha256", kRowsSha256}});
  for (int i = 0; i < 4; ++i) log.append("delivery.opened", {{"agency", "council"}}, {{"account", "desk"}});
  return log;
}

}  // namespace chancery::receipt
