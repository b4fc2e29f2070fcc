#include "policies/text/unseen.h"

#include <unicode/uchar.h>

#include "policies/text/code_point.h"

namespace chancery::text {
namespace {

constexpr std::int32_t kBrailleBlank = 0x2800;  // a symbol to Unicode, nothing to the eye

constexpr std::uint32_t kUnseenCategories =
    U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CS_MASK | U_GC_CO_MASK | U_GC_CN_MASK | U_GC_ZL_MASK | U_GC_ZP_MASK;

}  // namespace

bool is_unseen(std::int32_t code) {
  return code < 0 || (U_GET_GC_MASK(code) & kUnseenCategories) != 0 || code == kBrailleBlank ||
         u_hasBinaryProperty(code, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) != 0;
}

std::string printable(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t from = at;
    if (is_unseen(next_code_point(text, at)))
      result += '?';
    else
      result += text.substr(from, at - from);
  }
  return result;
}

}  // namespace chancery::text
