// Any bytes as a name and, cut at the first line end, as a pattern with a name: a good name is one label on
// any system, and a good pattern without special characters matches itself alone.
#include <cstdint>
#include <string>
#include <string_view>

#include "policies/route/decide.h"
#include "policies/route/pattern.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using chancery::route::matches;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (!chancery::route::name_mistake(text)) {
    require(!text.empty() && text.size() <= 200 && text != "." && text != "..");
    require(text.find_first_of(std::string_view("/\\\0\n\r\x1b\x7f", 7)) == std::string_view::npos);
    require(matches("*", text) && matches("*?", text));
    require(text.find_first_of("*?[]") != std::string_view::npos || matches(text, text));
  }
  const std::size_t cut = text.find('\n');
  const std::string_view pattern = text.substr(0, cut);
  const std::string_view rest = cut == std::string_view::npos ? "" : text.substr(cut + 1);
  if (!chancery::route::name_mistake(rest) && !chancery::route::pattern_mistake(pattern)) {
    const bool plain = pattern.find_first_of("*?[") == std::string_view::npos;
    require(!plain || matches(pattern, rest) == (pattern == rest));
    require(matches("*" + std::string(pattern), rest) || !matches(pattern, rest));
  }
  return 0;
}
