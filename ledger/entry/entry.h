#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "ledger/merkle/merkle.h"

// The canonical text of ledger entries: docs/ledger-format.md, "Entry". Pure and thread-safe.
namespace chancery::entry {

using merkle::Hash;

// The id a caller chooses for an event (also a transfer's id): 16 bytes, written as 32 lower-case hex digits.
using EventId = std::array<std::uint8_t, 16>;
EventId random_id();
std::string to_hex(const EventId& id);
std::optional<EventId> id_from_hex(std::string_view hex);

// A moment, in microseconds since 1970-01-01T00:00:00Z, and its 27 characters: 2026-11-02T09:30:00.000000Z.
using Micros = std::int64_t;
std::string format_time(Micros time);
std::optional<Micros> parse_time(std::string_view text);

inline constexpr std::size_t kMaxEntryBytes = 65535;
inline constexpr std::size_t kMaxValueBytes = 4096;

// One event as its author states it, before it has a place in the ledger. `plain` values are from closed
// alphabets
// (%x21-7E, 1 to 4096 bytes; "-" is absent); `committed` values are any bytes, and only a commitment to each
// is written in the entry. Which fields an event has is fixed by its row in event_table.h.
struct Event {
  EventId id{};
  std::string name;
  std::map<std::string, std::string> plain;
  std::map<std::string, std::string> committed;
};

// An entry: what is stored, hashed and exported is text(), byte for byte.
struct Entry {
  std::uint64_t seq = 0;
  Hash prev{};
  Micros time = 0;
  EventId id{};
  std::string event;
  std::map<std::string, std::string> plain;
  std::map<std::string, Hash> commitments;

  // The canonical bytes. Throws std::length_error over kMaxEntryBytes and std::invalid_argument for a key or
  // value outside the grammar, so whatever it returns parse() accepts.
  std::string text() const;
};

// Why some bytes are not an entry, and at which byte that shows.
struct ParseError {
  std::size_t offset = 0;
  std::string reason;
};

// Accepts exactly the strings that Entry::text() can return: for every accepted string s, parse(s).text() ==
// s.
[[nodiscard]] std::variant<Entry, ParseError> parse(std::string_view bytes);

// prev of entry 0: SHA-256("chancery/genesis/v1" || 0x00 || origin).
Hash genesis_prev(std::string_view origin);

}  // namespace chancery::entry
