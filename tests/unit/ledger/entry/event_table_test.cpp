#include "ledger/entry/event_table.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace chancery::entry {
namespace {

Event sample() {
  Event event;
  event.name = "delivery.opened";
  event.plain = {{"agency", "council"}, {"object", "o1"}, {"transfer", "-"}};
  event.committed = {{"account", "ana"}, {"address", ""}, {"key", std::string("\0\n", 2)}};
  return event;
}

TEST(EventTable, NamesAndFieldsAreKeysInStrictlyAscendingOrder) {
  const auto less_equal = [](const auto& a, const auto& b) { return a >= b; };
  const auto rows = event_table();
  EXPECT_EQ(std::ranges::adjacent_find(rows, less_equal, &EventRow::name), rows.end());
  for (const EventRow& row : rows) {
    EXPECT_TRUE(is_key(row.name));
    EXPECT_EQ(find_event(row.name), &row);
    EXPECT_EQ(std::ranges::adjacent_find(row.plain, less_equal), row.plain.end()) << row.name;
    EXPECT_EQ(std::ranges::adjacent_find(row.committed, less_equal, &CommittedField::key),
              row.committed.end())
        << row.name;
    EXPECT_TRUE(std::ranges::all_of(row.plain, is_key)) << row.name;
    EXPECT_TRUE(std::ranges::all_of(row.committed, is_key, &CommittedField::key)) << row.name;
  }
  EXPECT_EQ(find_event("file.lost"), nullptr);
  EXPECT_EQ(find_event(""), nullptr);
}

TEST(EventTable, AccountKeyAndAddressOfAnAgencyAreOpenedToNobodyElse) {
  for (const EventRow& row : event_table()) {
    const bool of_an_agency = std::ranges::find(row.plain, "agency") != row.plain.end();
    for (const CommittedField& field : row.committed) {
      if (of_an_agency && (field.key == "account" || field.key == "key" || field.key == "address")) {
        EXPECT_EQ(field.opened_to, kOwnAgency) << row.name << " " << field.key;
      }
    }
  }
}

TEST(EventTable, TheHubCannotRewriteEraseOrRetire) {
  for (const EventRow& row : event_table()) {
    for (const char* prefix : {"hold.", "erasure.", "detail.", "log.", "admin.", "clock."}) {
      if (row.name.starts_with(prefix)) {
        EXPECT_NE(row.author, Author::hub) << row.name;
      }
    }
  }
}

TEST(CheckEvent, AcceptsExactlyItsRow) {
  EXPECT_EQ(check_event(sample()), std::nullopt);
  Event event = sample();
  event.name = "delivery.lost";
  EXPECT_TRUE(check_event(event));
  for (const char* key : {"a", "b", "object2", "zz"}) {
    event = sample();
    event.plain[key] = "1";
    EXPECT_EQ(check_event(event), "unexpected plain field " + std::string(key));
    event = sample();
    event.committed[key] = "1";
    EXPECT_EQ(check_event(event), "unexpected committed field " + std::string(key));
  }
  for (const char* key : {"agency", "object", "transfer"}) {
    event = sample();
    event.plain.erase(key);
    EXPECT_EQ(check_event(event), "missing plain field " + std::string(key));
  }
  for (const char* key : {"account", "address", "key"}) {
    event = sample();
    event.committed.erase(key);
    EXPECT_EQ(check_event(event), "missing committed field " + std::string(key));
  }
}

TEST(CheckEvent, RefusesValuesOutsideTheGrammar) {
  for (const std::string& bad : std::vector<std::string>{"", "two words", "caf\xC3\xA9", "a\n",
                                                         std::string(kMaxValueBytes + 1, 'x')}) {
    Event event = sample();
    event.plain["agency"] = bad;
    EXPECT_TRUE(check_event(event)) << bad;
  }
  Event event = sample();
  event.committed["account"] = std::string(kMaxCommittedBytes, 'x');
  EXPECT_EQ(check_event(event), std::nullopt);
  event.committed["account"] += 'x';
  EXPECT_TRUE(check_event(event));
}

}  // namespace
}  // namespace chancery::entry
