#include "client/cli/escape.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "ledger/note/text.h"

namespace chancery::cli {
namespace {

// Control characters, zero-width and direction marks, line separators, tags, noncharacters of the first
// plane.
constexpr std::array<std::pair<char32_t, char32_t>, 11> kUnseen = {{{0x00, 0x1F},
                                                                    {0x7F, 0x9F},
                                                                    {0xAD, 0xAD},
                                                                    {0x061C, 0x061C},
                                                                    {0x200B, 0x200F},
                                                                    {0x2028, 0x202E},
                                                                    {0x2060, 0x206F},
                                                                    {0xFEFF, 0xFEFF},
                                                                    {0xFFF0, 0xFFFB},
                                                                    {0xFFFE, 0xFFFF},
                                                                    {0xE0000, 0xE007F}}};

bool is_unseen(char32_t code) {
  return std::any_of(kUnseen.begin(), kUnseen.end(),
                     [&](const auto& range) { return code >= range.first && code <= range.second; });
}

// Upper-case digits, at least `digits` of them.
std::string hex(std::uint32_t value, std::size_t digits) {
  std::string text;
  for (; value != 0 || text.size() < digits; value >>= 4) {
    text.insert(text.begin(), "0123456789ABCDEF"[value & 15]);
  }
  return text;
}

template <typename Use>
std::string rewritten(std::string_view text, const Use& use) {
  std::string out;
  while (!text.empty()) {
    const auto character = note::next_character(text);
    const std::size_t length = character ? character->length : 1;
    if (!character) {
      out += "\\x" + hex(static_cast<std::uint8_t>(text[0]), 2);
    } else {
      use(out, character->code, text.substr(0, length));
    }
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace

std::string escaped(std::string_view text) {
  return rewritten(text, [](std::string& out, char32_t code, std::string_view bytes) {
    if (code == '\\') {
      out += "\\\\";
    } else if (is_unseen(code)) {
      out += "\\u{" + hex(code, 1) + "}";
    } else {
      out += bytes;
    }
  });
}

std::string as_utf8(std::string_view text) {
  return rewritten(text, [](std::string& out, char32_t, std::string_view bytes) { out += bytes; });
}

}  // namespace chancery::cli
