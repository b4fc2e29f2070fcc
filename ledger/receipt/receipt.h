#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ledger/entry/entry.h"
#include "ledger/note/log_policy.h"
#include "ledger/opening/opening.h"

// Receipts, which prove to a party offline what the ledger says of its transfer, and the openings beside
// them: docs/ledger-format.md, "Receipts". A receipt itself is a note::Proof with the entry in `extra`. Pure,
// thread-safe.
namespace chancery::receipt {

using FieldOpenings = std::vector<std::pair<std::string, opening::Opening>>;

// The .openings file of an entry: the fields that the event's row opens to one of `parties` (a set of
// entry::OpenedTo). Empty when there is none, or the event is not known.
std::string format_openings(std::uint64_t seq, std::string_view event, const FieldOpenings& openings,
                            unsigned parties);

// How long the texts will be that an event leads to, for listing them without making them: its entry's, its
// openings' (with the committed values that are still there), its receipt's in a tree of `size` entries whose
// checkpoint's note is this long.
std::size_t entry_bytes(std::uint64_t seq, const entry::EventView& event);
std::size_t openings_bytes(std::uint64_t seq, const entry::EventView& event, unsigned parties);
std::size_t receipt_bytes(std::size_t entry_bytes, std::uint64_t seq, std::uint64_t size,
                          std::size_t note_bytes);

// A receipt that verified.
struct Receipt {
  entry::Entry entry;
  note::Checkpoint checkpoint;
};

// Why a receipt did not, with the place.
struct Failure {
  enum class Kind {
    unreadable,  // it is no receipt at all, or there is nothing to check it with: it cannot be told
    not_signed,  // it is one, but not signed by the keys that were given: perhaps by later ones of this log
    wrong,       // it is one, and what it says does not hold
  };
  Kind kind = Kind::wrong;
  std::string reason;
};

// Checks all that can be checked offline with the log's keys, of which at least one of each given kind must
// have signed, and those of whom `policy` (nullptr: none) asks it.
[[nodiscard]] std::variant<Receipt, Failure> check(std::string_view bytes,
                                                   std::span<const note::VerifierKey> keys,
                                                   const note::LogPolicy* policy = nullptr);

// The details of an entry that a .openings file reveals, and what is wrong with it.
struct Opened {
  std::map<std::string, std::string> values;  // only those that match
  std::vector<std::string> findings;          // each with its line
};
Opened check_openings(std::string_view text, const Receipt& receipt);

}  // namespace chancery::receipt
