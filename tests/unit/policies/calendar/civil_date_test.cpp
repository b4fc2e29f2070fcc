#include "policies/calendar/civil_date.h"

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace chancery::calendar {
namespace {

TEST(CivilDate, CrossesTheClocksChanges) {
  const std::vector<std::pair<std::int64_t, std::string>> london{
      {1'774'742'399, "2026-03-28"},
      {1'774'742'400, "2026-03-29"},
      {1'774'825'199, "2026-03-29"},
      {1'774'825'200, "2026-03-30"},  // the first midnight of summer time: a day of 23 hours
      {1'792'882'799, "2026-10-24"},
      {1'792'882'800, "2026-10-25"},
      {1'792'972'799, "2026-10-25"},
      {1'792'972'800, "2026-10-26"},  // a day of 25 hours
      {0, "1970-01-01"},
      {-1, "1970-01-01"},  // London was an hour ahead all year
  };
  for (const auto& [seconds, day] : london) {
    EXPECT_EQ(civil_date("Europe/London", seconds), day) << seconds;
  }
  EXPECT_EQ(civil_date("UTC", 951'782'400), "2000-02-29");
  EXPECT_EQ(civil_date("Pacific/Apia", 1'325'239'200), "2011-12-31") << "Samoa left out the 30th";
  EXPECT_THROW(civil_date("Europe/Londn", 0), std::invalid_argument);
  EXPECT_FALSE(is_timezone(""));
  EXPECT_FALSE(is_timezone("GMT+3"));
}

TEST(DayBegins, AtTheLastLocalMidnight) {
  struct Case {
    const char* timezone;
    std::int64_t now, begins;
  };
  const std::vector<Case> cases{
      {"UTC", 1'774'742'399, 1'774'656'000},
      {"Europe/London", 1'774'742'400, 1'774'742'400},
      {"Europe/London", 1'774'825'199, 1'774'742'400},  // after the clocks went forward in that day
      {"Europe/London", 1'774'825'200, 1'774'825'200},
      {"Europe/London", 1'792'972'799, 1'792'882'800},   // after they went back
      {"Asia/Kathmandu", 1'774'742'400, 1'774'721'700},  // 5:45 ahead
  };
  for (const auto& [timezone, now, begins] : cases) {
    EXPECT_EQ(day_begins(timezone, now), begins) << timezone << " " << now;
    EXPECT_EQ(civil_date(timezone, begins), civil_date(timezone, now));
    EXPECT_NE(civil_date(timezone, begins - 1), civil_date(timezone, now));
  }
}

}  // namespace
}  // namespace chancery::calendar
