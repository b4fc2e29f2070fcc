#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ledger/entry/event_table.h"
#include "ledger/opening/entry_seal.h"

// Everything about an entry that does not depend on its place: done on the caller's thread, so that the one
// writer has only the chain to compute.
namespace chancery::log {

struct Prepared {
  entry::EventId id{};
  std::string body;                  // Entry::body()
  std::size_t plain_bytes = 0;       // of body: id, event and plain fields, which no salt makes different
  std::vector<std::uint8_t> packed;  // its openings, to be sealed; empty when it commits to nothing
  opening::Nonce nonce{};

  std::size_t bytes() const { return body.size() + 2 * packed.size(); }
  std::string_view plain_part() const { return std::string_view(body).substr(0, plain_bytes); }
};

// Draws the salts and commits to the fields of each event. Answers why not when one is not an event that
// `author` may append.
[[nodiscard]] std::variant<std::vector<Prepared>, std::string> prepare(std::vector<entry::Event> batch,
                                                                       entry::Author author,
                                                                       std::string_view origin);

// Where the commitments begin in the text (or body) of an entry: its size when there are none.
std::size_t commitments_at(std::string_view text);

}  // namespace chancery::log
