#pragma once

#include <string>
#include <string_view>

namespace chancery::cli {

// A text by others, safe to print: what is no UTF-8 becomes \xNN, and what is unseen (policies/text) \u{HEX}.
std::string escaped(std::string_view text);

// The same bytes as valid UTF-8, for JSON, which escapes control characters itself.
std::string as_utf8(std::string_view text);

}  // namespace chancery::cli
