#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ledger/entry/entry.h"

// Which events there are, the fields each must have, who may append it and to whom its committed fields are
// opened. The same table stands in docs/ledger-format.md, and a test compares the two.
namespace chancery::entry {

// A committed value may have any bytes, this many at most.
inline constexpr std::size_t kMaxCommittedBytes = std::size_t{1} << 20;

// The callers of the ledger service. `service` is the ledger service itself.
enum class Author { service, hub, administrator };

// Parties to whom a committed field's opening may be given; a bit set.
enum OpenedTo : unsigned { kNobody = 0, kSender = 1, kRecipient = 2, kAuditor = 4, kOwnAgency = 8 };

struct CommittedField {
  std::string_view key;
  unsigned opened_to;
};

struct EventRow {
  std::string_view name;
  Author author;
  std::span<const std::string_view> plain;    // strictly ascending
  std::span<const CommittedField> committed;  // strictly ascending by key
};

std::span<const EventRow> event_table();

// The row of an event, or nullptr for an event this version does not know.
const EventRow* find_event(std::string_view name);

// Checks an event against its row: known, exactly the row's fields, values within the grammar. Returns what
// is wrong.
[[nodiscard]] std::optional<std::string> check_event(const Event& event);

// Checks that an entry of a known event has exactly its row's fields. Returns what is wrong.
[[nodiscard]] std::optional<std::string> check_fields(const EntryView& entry, const EventRow& row);

}  // namespace chancery::entry
