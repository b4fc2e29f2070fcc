#include "policies/route/civil_date.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>

#include <unicode/timezone.h>

namespace chancery::route {

bool is_timezone(const std::string& name) {
  icu::UnicodeString canonical;
  UBool known = 0;
  UErrorCode status = U_ZERO_ERROR;
  icu::TimeZone::getCanonicalID(icu::UnicodeString::fromUTF8(name), canonical, known, status);
  return U_SUCCESS(status) != 0 && known != 0;
}

std::string civil_date(const std::string& timezone, std::int64_t seconds) {
  if (!is_timezone(timezone)) {
    throw std::invalid_argument("the timezone " + timezone + " is not in the tz database");
  }
  const std::unique_ptr<icu::TimeZone> zone(
      icu::TimeZone::createTimeZone(icu::UnicodeString::fromUTF8(timezone)));
  int32_t standard = 0;
  int32_t daylight = 0;
  UErrorCode status = U_ZERO_ERROR;
  zone->getOffset(static_cast<UDate>(seconds) * 1000.0, 0, standard, daylight, status);
  if (U_FAILURE(status) != 0) {
    throw std::invalid_argument("the timezone " + timezone + " has no offset at this time");
  }
  const std::chrono::sys_seconds local{std::chrono::seconds(seconds + (standard + daylight) / 1000)};
  const std::chrono::year_month_day day{std::chrono::floor<std::chrono::days>(local)};
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", static_cast<int>(day.year()),
                static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
  return text.data();
}

}  // namespace chancery::route
