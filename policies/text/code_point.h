#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace chancery::text {

// The code point of UTF-8 at `at` (less than the text's size), which moves past it; negative for bytes that
// are not well-formed.
std::int32_t next_code_point(std::string_view text, std::size_t& at);

}  // namespace chancery::text
