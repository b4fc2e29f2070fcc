#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ledger/entry/event_table.h"
#include "ledger/opening/entry_seal.h"
#include "ledger/store/store.h"

// Everything about an entry that does not depend on its place: done on the caller's thread, so that the one
// writer has only the chain to compute.
namespace chancery::log {

struct Prepared {
  entry::Event event;
  std::string body;                  // Entry::body()
  std::vector<std::uint8_t> packed;  // its openings, to be sealed; empty when it commits to nothing
  opening::Nonce nonce{};

  std::size_t bytes() const { return body.size() + 2 * packed.size(); }
};

// Draws the salts and commits to the fields. Answers why not when the event is not one that `author` may
// append.
[[nodiscard]] std::variant<Prepared, std::string> prepare(entry::Event event, entry::Author author,
                                                          std::string_view origin);

}  // namespace chancery::log
