#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The characters that notes are made of.
namespace chancery::note {

struct Character {
  char32_t code = 0;
  std::size_t length = 0;  // bytes
};

// The character at the start of a non-empty text (UTF-8, RFC 3629), or nullopt when there is none.
std::optional<Character> next_character(std::string_view text);

// Where a text stops being UTF-8 without control characters but LF, or nullopt if it nowhere does.
std::optional<std::size_t> find_not_text(std::string_view text);

// Non-empty, and neither Unicode spaces nor '+' in it (C2SP signed-note, "Format"); must be UTF-8 already.
bool is_key_name(std::string_view name);

// Standard base64, or nullopt unless encoding the answer gives the same text again.
std::optional<std::vector<std::uint8_t>> decode_base64(std::string_view text);

// A decimal number below 2^63 without leading zeros.
std::optional<std::uint64_t> parse_decimal(std::string_view text);

}  // namespace chancery::note
