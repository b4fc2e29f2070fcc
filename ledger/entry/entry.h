#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ledger/merkle/merkle.h"

// The canonical text of ledger entries: docs/ledger-format.md, "Entry". Pure and thread-safe.
namespace chancery::entry {

using merkle::Hash;

// The id a caller chooses for an event (also a transfer's id): 16 bytes, written as 32 lower-case hex digits.
using EventId = std::array<std::uint8_t, 16>;
// A new id: a UUID of version 7 (RFC 9562, 5.7 and 6.2 method 3), so that the ids made one after another lie
// beside each other in the table of ids. 62 bits are random; the rest is the wall clock's time.
EventId new_id();
std::string to_hex(const EventId& id);
std::optional<EventId> id_from_hex(std::string_view hex);

// A moment, in microseconds since 1970-01-01T00:00:00Z, and its 27 characters: 2026-11-02T09:30:00.000000Z.
// From 1970 to 9999; format_time() throws std::invalid_argument outside.
using Micros = std::int64_t;
std::string format_time(Micros time);
std::optional<Micros> parse_time(std::string_view text);

inline constexpr std::size_t kMaxEntryBytes = 65535;
inline constexpr std::size_t kMaxKeyBytes = 32;
inline constexpr std::size_t kMaxValueBytes = 4096;

// What a plain field says when there is nothing to say; an absent committed field is the empty string.
inline constexpr std::string_view kAbsent = "-";

// One event as its author states it, before it has a place in the ledger. `plain` values are from closed
// alphabets (%x21-7E, 1 to 4096 bytes; "-" is absent); `committed` values are any bytes, and only a
// commitment to each is written in the entry. Which fields an event has is fixed by its row in event_table.h.
struct Event {
  EventId id{};
  std::string name;
  std::map<std::string, std::string> plain;
  std::map<std::string, std::string> committed;
};

// An event whose texts lie elsewhere, as in an entry's bytes, and must outlive it: for reading many.
struct EventView {
  EventView() = default;
  EventView(const Event& event);  // whatever takes a view takes an event too

  using Fields = std::vector<std::pair<std::string_view, std::string_view>>;
  EventId id{};
  std::string_view name;
  Fields plain;
  Fields committed;  // those that have an opening

  // A field's value, or nullopt if there is none.
  std::optional<std::string_view> plain_value(std::string_view key) const;
  std::optional<std::string_view> committed_value(std::string_view key) const;
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

  // The two parts of text(), for who makes many: body() is what does not depend on the entry's place in the
  // ledger (from the line "id" on), so it can be made before the place is known.
  std::string body() const;
};

// The first lines of an entry's text, to which its body() is joined: at most kMaxHeadBytes.
std::string head_text(std::uint64_t seq, const Hash& prev, Micros time);
inline constexpr std::size_t kMaxHeadBytes = 128;

// An entry as it lies in its bytes, which must outlive it: for reading many. One that is parsed into again
// allocates nothing. `commitments` has each hash as its 44 characters, known to be canonical.
struct EntryView {
  std::uint64_t seq = 0;
  std::string_view prev;
  Micros time = 0;
  EventId id{};
  std::string_view event;
  std::vector<std::pair<std::string_view, std::string_view>> plain;
  std::vector<std::pair<std::string_view, std::string_view>> commitments;

  // The value of a plain field, or nullopt if the entry has no such field.
  std::optional<std::string_view> plain_value(std::string_view key) const;
};

// Why some bytes are not an entry, and at which byte that shows.
struct ParseError {
  std::size_t offset = 0;
  std::string reason;
};

// Accepts exactly the strings that Entry::text() can return: for every accepted string s, parse(s).text() ==
// s.
[[nodiscard]] std::variant<Entry, ParseError> parse(std::string_view bytes);

// The same, into `view`, whose content is unspecified when an error is returned.
[[nodiscard]] std::optional<ParseError> parse_into(std::string_view bytes, EntryView& view);

// Whether a string is a field's key or an event's name (1 to 32 of a-z 0-9 . -), and a plain field's value.
[[nodiscard]] bool is_key(std::string_view text);
[[nodiscard]] bool is_value(std::string_view text);

// prev of entry 0: SHA-256("chancery/genesis/v1" || 0x00 || origin).
Hash genesis_prev(std::string_view origin);

}  // namespace chancery::entry
