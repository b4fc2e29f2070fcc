#include "ledger/entry/entry.h"

#include <string>

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

}  // namespace
}  // namespace chancery::entry
