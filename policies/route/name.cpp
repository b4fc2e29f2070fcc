#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <string>

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/utypes.h>

#include "policies/route/decide.h"
#include "policies/text/code_point.h"
#include "policies/text/unseen.h"

namespace chancery::route {
namespace {

constexpr std::size_t kMaxNameBytes = 200;

// Characters that some system turns into "/" or "\" although no Unicode mapping says so (Windows' "best fit"
// into its code pages does).
constexpr std::array<UChar32, 8> kLikeSlashes{0x2044, 0x2215, 0x2216, 0x2571, 0x2572, 0x29F5, 0x29F8, 0x29F9};

std::optional<std::string> character_mistake(UChar32 code) {
  if (code < 0) {
    return "The name is not UTF-8: set the client's character set to UTF-8, or rename the file.";
  }
  if (code == '/' || code == '\\' || std::ranges::find(kLikeSlashes, code) != kLikeSlashes.end()) {
    return R"(The name holds "/" or "\" or a character that looks like one: rename the file.)";
  }
  if (text::is_unseen(code)) {
    return "The name holds a control character or one that cannot be seen: rename the file.";
  }
  return std::nullopt;
}

bool is_dots(std::string_view name) { return name == "." || name == ".."; }

const icu::Normalizer2& normalizer(decltype(icu::Normalizer2::getNFCInstance) instance) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* const made = instance(status);
  if (U_FAILURE(status) != 0) {
    throw std::runtime_error(std::string("ICU has no normal forms: ") + u_errorName(status));
  }
  return *made;
}

// Judges the whole: its normal form, and what it would turn into where systems map characters to simpler
// ones.
std::optional<std::string> form_mistake(std::string_view name) {
  static const icu::Normalizer2& composed = normalizer(icu::Normalizer2::getNFCInstance);
  static const icu::Normalizer2& compatible = normalizer(icu::Normalizer2::getNFKCInstance);
  UErrorCode status = U_ZERO_ERROR;
  const icu::StringPiece piece(name.data(), static_cast<int32_t>(name.size()));
  if (composed.isNormalizedUTF8(piece, status) == 0 || U_FAILURE(status) != 0) {
    return "The name is not in Unicode's composed form (NFC): type the name anew, or rename the file with a "
           "current client.";
  }
  std::string mapped;
  icu::StringByteSink<std::string> sink(&mapped);
  compatible.normalizeUTF8(0, piece, sink, nullptr, status);
  if (U_FAILURE(status) != 0 || is_dots(mapped) || mapped.find_first_of("/\\") != std::string::npos) {
    return R"(The name holds a character that some systems turn into "/", "\" or "..": rename the file.)";
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> name_mistake(std::string_view name) {
  if (name.empty() || is_dots(name)) {
    return "The name is empty or stands for a folder: give the file a name.";
  }
  if (name.size() > kMaxNameBytes) {
    return "The name is longer than 200 bytes: give the file a shorter name.";
  }
  UChar32 first = 0;
  UChar32 code = 0;
  for (std::size_t at = 0; at < name.size();) {
    const bool at_start = at == 0;
    code = text::next_code_point(name, at);
    if (auto mistake = character_mistake(code)) {
      return mistake;
    }
    first = at_start ? code : first;
  }
  if (u_isUWhiteSpace(first) != 0 || u_isUWhiteSpace(code) != 0) {
    return "The name begins or ends with a space: rename the file.";
  }
  return form_mistake(name);
}

}  // namespace chancery::route
