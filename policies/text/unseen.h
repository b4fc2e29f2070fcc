#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace chancery::text {

// Whether a terminal, a log or a reader's eye would obey, hide or not know a code point instead of showing
// it: control and format characters (zero-width ones and those that change the direction of writing are
// among them), line and paragraph separators, private use, what Unicode has not assigned, and the negative
// numbers that next_code_point() answers. A space is not unseen.
[[nodiscard]] bool is_unseen(std::int32_t code);

// A text with "?" for everything that is unseen, line ends too, and for bytes that are not UTF-8: safe for a
// line of a log and a terminal.
std::string printable(std::string_view text);

}  // namespace chancery::text
