#include "client/cli/escape.h"

#include <cstdint>

#include "policies/text/code_point.h"
#include "policies/text/unseen.h"

namespace chancery::cli {
namespace {

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
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t from = at;
    const std::int32_t code = text::next_code_point(text, at);
    const std::string_view bytes = text.substr(from, at - from);
    if (code >= 0) {
      use(out, code, bytes);
      continue;
    }
    for (const char byte : bytes) {
      out += "\\x" + hex(static_cast<std::uint8_t>(byte), 2);
    }
  }
  return out;
}

}  // namespace

std::string escaped(std::string_view text) {
  return rewritten(text, [](std::string& out, std::int32_t code, std::string_view bytes) {
    if (code == '\\') {
      out += "\\\\";
    } else if (text::is_unseen(code)) {
      out += "\\u{" + hex(static_cast<std::uint32_t>(code), 1) + "}";
    } else {
      out += bytes;
    }
  });
}

std::string as_utf8(std::string_view text) {
  return rewritten(text, [](std::string& out, std::int32_t, std::string_view bytes) { out += bytes; });
}

}  // namespace chancery::cli
