#pragma once

#include <cstdint>
#include <string>

// Calendar days as people in a place count them. Thread-safe.
namespace chancery::calendar {

// Whether the tz database has this name ("Europe/London"). ICU also takes made-up ones such as GMT+3, which
// have no history: they are not in it.
[[nodiscard]] bool is_timezone(const std::string& name);

// The day in `timezone` at a moment, seconds since 1970 UTC, as "YYYY-MM-DD". Throws std::invalid_argument
// for an unknown timezone.
std::string civil_date(const std::string& timezone, std::int64_t seconds);

// When that day began, seconds since 1970 UTC. Throws as civil_date() does.
std::int64_t day_begins(const std::string& timezone, std::int64_t seconds);

// The same moment as people there write it, with the offset: "2026-11-02 09:30:00 +00:00".
std::string civil_time(const std::string& timezone, std::int64_t seconds);

}  // namespace chancery::calendar
