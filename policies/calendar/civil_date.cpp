#include "policies/calendar/civil_date.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>

#include <unicode/timezone.h>

namespace chancery::calendar {

bool is_timezone(const std::string& name) {
  icu::UnicodeString canonical;
  UBool known = 0;
  UErrorCode status = U_ZERO_ERROR;
  icu::TimeZone::getCanonicalID(icu::UnicodeString::fromUTF8(name), canonical, known, status);
  return U_SUCCESS(status) != 0 && known != 0;
}

namespace {

// What `timezone` adds to UTC at a moment, in seconds.
std::int32_t offset_at(const std::string& timezone, std::int64_t seconds) {
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
  return (standard + daylight) / 1000;
}

std::string day_text(std::chrono::sys_seconds local) {
  const std::chrono::year_month_day day{std::chrono::floor<std::chrono::days>(local)};
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", static_cast<int>(day.year()),
                static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
  return text.data();
}

}  // namespace

std::string civil_date(const std::string& timezone, std::int64_t seconds) {
  return day_text(std::chrono::sys_seconds{std::chrono::seconds(seconds + offset_at(timezone, seconds))});
}

std::int64_t day_begins(const std::string& timezone, std::int64_t seconds) {
  const std::chrono::sys_seconds local{std::chrono::seconds(seconds + offset_at(timezone, seconds))};
  const std::int64_t midnight =
      std::chrono::floor<std::chrono::days>(local).time_since_epoch() / std::chrono::seconds(1);
  // The clocks may have changed since midnight.
  const std::int64_t guess = midnight - offset_at(timezone, seconds);
  return midnight - offset_at(timezone, guess);
}

std::string civil_time(const std::string& timezone, std::int64_t seconds) {
  const std::int32_t offset = offset_at(timezone, seconds);
  const std::chrono::sys_seconds local{std::chrono::seconds(seconds + offset)};
  const std::chrono::hh_mm_ss time{local - std::chrono::floor<std::chrono::days>(local)};
  const std::int32_t minutes = (offset < 0 ? -offset : offset) / 60;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), " %02d:%02d:%02d %c%02d:%02d",
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()), offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
  return day_text(local) + text.data();
}

}  // namespace chancery::calendar
