#include "policies/text/code_point.h"

#include <unicode/utf8.h>

namespace chancery::text {

std::int32_t next_code_point(std::string_view text, std::size_t& at) {
  UChar32 code = 0;
#pragma GCC diagnostic push  // the conversions are inside ICU's macro
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
  U8_NEXT(text.data(), at, text.size(), code);
#pragma GCC diagnostic pop
  return code;
}

}  // namespace chancery::text
