#include "ledger/entry/entry.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace chancery::entry {
namespace {

Entry sample() {
  Entry entry;
  entry.seq = 7;
  entry.prev = genesis_prev("example.org/hub");
  entry.time = 1'793'611'800'000'000;
  entry.id.fill(0xAB);
  entry.event = "delivery.opened";
  entry.plain = {{"agency", "council"}, {"object", "-"}, {"transfer", std::string(32, '1')}};
  entry.commitments = {{"account", Hash{}}, {"address", Hash{1}}, {"key", Hash{2}}};
  return entry;
}

// Whether some bytes are either refused or mean exactly themselves.
::testing::AssertionResult rejected_or_faithful(const std::string& bytes) {
  const auto result = parse(bytes);
  const auto* entry = std::get_if<Entry>(&result);
  if (entry != nullptr && entry->text() != bytes) {
    return ::testing::AssertionFailure() << "accepted but means another text: " << bytes;
  }
  return ::testing::AssertionSuccess();
}

TEST(Entry, TextIsReadBackWhole) {
  const Entry entry = sample();
  const auto result = parse(entry.text());
  const auto* read = std::get_if<Entry>(&result);
  ASSERT_NE(read, nullptr) << std::get<ParseError>(result).reason;
  EXPECT_EQ(read->seq, entry.seq);
  EXPECT_EQ(read->prev, entry.prev);
  EXPECT_EQ(read->time, entry.time);
  EXPECT_EQ(read->id, entry.id);
  EXPECT_EQ(read->event, entry.event);
  EXPECT_EQ(read->plain, entry.plain);
  EXPECT_EQ(read->commitments, entry.commitments);
}

TEST(Entry, EveryOneByteEditIsRejectedOrMeansItself) {
  const std::string text = sample().text();
  for (std::size_t at = 0; at <= text.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string inserted = text;
      inserted.insert(at, 1, static_cast<char>(byte));
      ASSERT_TRUE(rejected_or_faithful(inserted));
      if (at < text.size()) {
        std::string changed = text;
        changed[at] = static_cast<char>(byte);
        ASSERT_TRUE(rejected_or_faithful(changed));
      }
    }
    if (at < text.size()) {
      std::string shorter = text;
      shorter.erase(at, 1);
      ASSERT_TRUE(rejected_or_faithful(shorter));
      ASSERT_TRUE(rejected_or_faithful(text.substr(0, at)));
    }
  }
}

// The sample with one part replaced, which must make it unreadable.
void expect_rejected(std::string_view from, std::string_view to) {
  std::string text = sample().text();
  const std::size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  EXPECT_TRUE(std::holds_alternative<ParseError>(parse(text))) << text;
}

TEST(Entry, HeadersOutsideTheGrammarAreRejected) {
  expect_rejected("entry/v1", "entry/v2");
  expect_rejected("seq 7", "seq 07");
  expect_rejected("seq 7", "seq ");
  expect_rejected("seq 7", "seq +7");
  expect_rejected("seq 7", "seq 9223372036854775808");
  expect_rejected("seq 7", "seq 18446744073709551623");
  expect_rejected("seq 7\n", "seq 7\r\n");
  expect_rejected("time 2026-", "time 1969-");
  expect_rejected("Z\nid", "\nid");
  expect_rejected("id abab", "id ABab");
  expect_rejected("id ab", "id ");
  expect_rejected("event delivery.opened", "event Delivery.opened");
  expect_rejected("event delivery.opened", "event delivery.opened ");
  expect_rejected("event delivery.opened", "event " + std::string(33, 'x'));
}

TEST(Entry, FieldsOutsideTheGrammarAreRejected) {
  expect_rejected("agency council", "agency cou ncil");
  expect_rejected("agency council", "agency ");
  expect_rejected("agency council", "agency");
  expect_rejected("agency council", "agency cou\tncil");
  expect_rejected("agency council", "agency cou\x7F");
  expect_rejected("agency council", "agency caf\xC3\xA9");
  expect_rejected("agency council", "agency " + std::string(kMaxValueBytes + 1, 'x'));
  expect_rejected("agency council", "seq 3");
  expect_rejected("agency council", "zz 3");
  expect_rejected("agency council\n", "agency council\nagency council\n");
  expect_rejected("agency council\n", "agency council\n\n");
  expect_rejected("c.account", "account");
  expect_rejected("c.account", "c.zz");
  expect_rejected("c.account", "c.");
  expect_rejected("c.account ", "c.account A");
}

TEST(Entry, WhatTheGrammarForbidsIsNotWritten) {
  for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{
           {"seq", "1"}, {"c.x", "1"}, {"", "1"}, {"A", "1"}, {"a", ""}, {"a", "x y"}, {"a", "x\n"}}) {
    Entry entry = sample();
    entry.plain[key] = value;
    EXPECT_THROW(static_cast<void>(entry.text()), std::invalid_argument) << key << "=" << value;
  }
  Entry entry = sample();
  entry.time = -1;
  EXPECT_THROW(static_cast<void>(entry.text()), std::invalid_argument);
  entry = sample();
  entry.seq = std::uint64_t{1} << 63;
  EXPECT_THROW(static_cast<void>(entry.text()), std::invalid_argument);
}

TEST(Entry, SixtyFiveThousandFiveHundredThirtyFiveBytesIsTheMost) {
  Entry entry = sample();
  const std::size_t fixed = entry.text().size();
  std::size_t missing = kMaxEntryBytes - fixed;
  for (int i = 10; missing > 0; ++i) {
    const std::string key = "x" + std::to_string(i);
    const std::size_t value = std::min(missing - key.size() - 2, kMaxValueBytes);
    entry.plain[key] = std::string(value, 'v');
    missing -= key.size() + 2 + value;
  }
  EXPECT_EQ(entry.text().size(), kMaxEntryBytes);
  EXPECT_TRUE(std::holds_alternative<Entry>(parse(entry.text())));
  entry.plain["agency"] += 'x';
  EXPECT_THROW(static_cast<void>(entry.text()), std::length_error);
}

TEST(Entry, OneViewReadsManyEntries) {
  EntryView view;
  const std::string first = sample().text();
  ASSERT_FALSE(parse_into(first, view));
  EXPECT_EQ(view.plain_value("agency"), "council");
  EXPECT_EQ(view.plain_value("account"), std::nullopt);
  Entry bare = sample();
  bare.plain.clear();
  bare.commitments.clear();
  const std::string second = bare.text();
  ASSERT_FALSE(parse_into(second, view));
  EXPECT_TRUE(view.plain.empty());
  EXPECT_TRUE(view.commitments.empty());
}

TEST(Time, IsReadBackAndImpossibleDaysAreRejected) {
  for (const Micros time : {Micros{0}, Micros{1}, Micros{951'782'399'999'999}, Micros{951'782'400'000'000},
                            Micros{253'402'300'799'999'999}}) {
    EXPECT_EQ(parse_time(format_time(time)), time);
  }
  EXPECT_EQ(format_time(0), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(format_time(253'402'300'799'999'999), "9999-12-31T23:59:59.999999Z");
  EXPECT_THROW(static_cast<void>(format_time(253'402'300'800'000'000)), std::invalid_argument);
  EXPECT_TRUE(parse_time("2024-02-29T00:00:00.000000Z"));
  for (const char* bad :
       {"2023-02-29T00:00:00.000000Z", "2026-13-01T00:00:00.000000Z", "2026-00-01T00:00:00.000000Z",
        "2026-11-31T00:00:00.000000Z", "2026-11-02T24:00:00.000000Z", "2026-11-02T23:60:00.000000Z",
        "2026-11-02T23:59:60.000000Z", "2026-11-02t23:59:59.000000Z", "2026-11-02T23:59:59.00000Z",
        "2026-11-02T23:59:59.0000000Z", "2026-11-02T23:59:59.000000+", "1969-12-31T23:59:59.000000Z"}) {
    EXPECT_FALSE(parse_time(bad)) << bad;
  }
}

TEST(EventId, HexIsLowerCaseAndWhole) {
  const EventId id = new_id();
  EXPECT_EQ(id_from_hex(to_hex(id)), id);
  EXPECT_FALSE(id_from_hex(std::string(32, 'A')));
  EXPECT_FALSE(id_from_hex(std::string(31, 'a')));
  EXPECT_FALSE(id_from_hex(std::string(33, 'a')));
  EXPECT_FALSE(id_from_hex(std::string(32, 'g')));
}

// RFC 9562, 5.7: 48 bits of milliseconds, version 7, variant 10.
TEST(EventId, NewOnesFollowTheClockAndAreNeverTheSame) {
  const auto millis = [] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  };
  const auto before = millis();
  std::set<EventId> ids;
  for (int i = 0; i < 10'000; ++i) ids.insert(new_id());
  const auto after = millis();
  EXPECT_EQ(ids.size(), 10'000U);
  for (const EventId& id : ids) {
    EXPECT_EQ(id[6] >> 4, 7);
    EXPECT_EQ(id[8] >> 6, 2);
    const auto at = std::stoll(to_hex(id).substr(0, 12), nullptr, 16);
    EXPECT_GE(at, before);
    EXPECT_LE(at, after);
  }
}

}  // namespace
}  // namespace chancery::entry
