#include "ledger/note/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include <botan/base64.h>
#include <botan/exceptn.h>

namespace chancery::note {
namespace {

// Unicode's property White_Space, as inclusive ranges.
constexpr std::array<std::pair<char32_t, char32_t>, 10> kSpaces = {{{0x09, 0x0D},
                                                                    {0x20, 0x20},
                                                                    {0x85, 0x85},
                                                                    {0xA0, 0xA0},
                                                                    {0x1680, 0x1680},
                                                                    {0x2000, 0x200A},
                                                                    {0x2028, 0x2029},
                                                                    {0x202F, 0x202F},
                                                                    {0x205F, 0x205F},
                                                                    {0x3000, 0x3000}}};

struct Utf8Class {
  std::uint8_t mask;  // a first byte & mask == lead
  std::uint8_t lead;
  std::size_t length;
  char32_t smallest;  // anything below would have had a shorter encoding
};

constexpr std::array<Utf8Class, 4> kUtf8 = {
    {{0x80, 0x00, 1, 0}, {0xE0, 0xC0, 2, 0x80}, {0xF0, 0xE0, 3, 0x800}, {0xF8, 0xF0, 4, 0x10000}}};

bool is_space(char32_t code) {
  return std::any_of(kSpaces.begin(), kSpaces.end(),
                     [&](const auto& range) { return code >= range.first && code <= range.second; });
}

}  // namespace

std::optional<Character> next_character(std::string_view text) {
  const auto first = static_cast<std::uint8_t>(text[0]);
  const auto* kind = std::find_if(kUtf8.begin(), kUtf8.end(),
                                  [&](const Utf8Class& k) { return (first & k.mask) == k.lead; });
  if (kind == kUtf8.end() || text.size() < kind->length) {
    return std::nullopt;
  }
  char32_t code = first & static_cast<std::uint8_t>(~kind->mask);
  for (const char byte : text.substr(1, kind->length - 1)) {
    const auto bits = static_cast<std::uint8_t>(byte);
    if ((bits & 0xC0U) != 0x80U) {
      return std::nullopt;
    }
    code = code << 6 | (bits & 0x3FU);
  }
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < kind->smallest || code > 0x10FFFF || surrogate) {
    return std::nullopt;
  }
  return Character{code, kind->length};
}

std::optional<std::size_t> find_not_text(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto character = next_character(text.substr(at));
    if (!character || (character->code < 0x20 && character->code != '\n')) {
      return at;
    }
    at += character->length;
  }
  return std::nullopt;
}

bool is_key_name(std::string_view name) {
  for (std::size_t at = 0; at < name.size();) {
    const auto character = next_character(name.substr(at));
    if (!character || character->code < 0x20 || character->code == '+' || is_space(character->code)) {
      return false;
    }
    at += character->length;
  }
  return !name.empty();
}

std::optional<std::vector<std::uint8_t>> decode_base64(std::string_view text) {
  try {
    const auto decoded = Botan::base64_decode(text, false);
    std::vector<std::uint8_t> bytes(decoded.begin(), decoded.end());
    if (Botan::base64_encode(bytes) == text) {
      return bytes;
    }
  } catch (const Botan::Exception&) {  // not base64: an ordinary answer here
  }
  return std::nullopt;
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool leading_zero = text.size() > 1 && text[0] == '0';
  if (error != std::errc() || end != text.data() + text.size() || leading_zero ||
      value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return std::nullopt;
  }
  return value;
}

}  // namespace chancery::note
