#include "ledger/opening/opening.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace chancery::opening {
namespace {

constexpr std::string_view kOrigin = "example.org/hub";
const entry::EventId kId{1, 2, 3};

Opening sample() {
  Opening opening;
  opening.salt.fill(0x11);
  opening.value = "oct 2026.csv";
  return opening;
}

// Computed apart from this code, with Python's hmac module over the message the format page gives.
TEST(Commitment, IsTheHmacTheFormatPageDescribes) {
  EXPECT_EQ(merkle::to_base64(commitment(sample(), kOrigin, kId, "name")),
            "7HedaDWTSk+6cEIGGyBdQKdMPQd6C9DcRCcx2nWNwA8=");
}

TEST(Commitment, OpensOnlyWithItsOwnOriginIdFieldSaltAndValue) {
  const Hash committed = commitment(sample(), kOrigin, kId, "name");
  EXPECT_TRUE(opens(sample(), committed, kOrigin, kId, "name"));
  EXPECT_FALSE(opens(sample(), committed, "example.org/hub2", kId, "name"));
  EXPECT_FALSE(opens(sample(), committed, kOrigin, entry::EventId{1, 2, 4}, "name"));
  EXPECT_FALSE(opens(sample(), committed, kOrigin, kId, "size"));
  Opening other = sample();
  other.value += " ";
  EXPECT_FALSE(opens(other, committed, kOrigin, kId, "name"));
  other = sample();
  other.salt[31] ^= 1;
  EXPECT_FALSE(opens(other, committed, kOrigin, kId, "name"));
}

TEST(Commitment, MovingBytesBetweenNeighbouringPartsChangesIt) {
  Opening longer = sample();
  longer.value = "e" + longer.value;
  EXPECT_NE(commitment(sample(), kOrigin, kId, "name"), commitment(longer, kOrigin, kId, "nam"));
}

TEST(OpeningLine, IsReadBackAlsoWithAnEmptyOrBinaryValue) {
  for (const std::string& value : {std::string(), std::string("a\0\n\xFF", 4), std::string(5000, 'x')}) {
    const OpeningLine line{12, "name", {sample().salt, value}};
    const auto read = parse_line(format_line(line));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->seq, 12U);
    EXPECT_EQ(read->field, "name");
    EXPECT_EQ(read->opening.salt, line.opening.salt);
    EXPECT_EQ(read->opening.value, value);
  }
}

TEST(OpeningLine, EveryOneByteEditIsRejectedOrMeansItself) {
  const std::string text = format_line({12, "name", sample()});
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = text;
      changed[at] = static_cast<char>(byte);
      const auto read = parse_line(changed);
      if (read && changed.ends_with('\n')) {
        ASSERT_EQ(format_line(*read), changed);
      }
    }
  }
}

TEST(OpeningLine, RejectsWhatIsAlmostALine) {
  const std::string salt(43, 'A');
  EXPECT_TRUE(parse_line("open 1 name " + salt + "= eA=="));
  for (const std::string& bad : std::vector<std::string>{
           "open 01 name " + salt + "= eA==", "open 1  name " + salt + "= eA==",
           "open 1 Name " + salt + "= eA==", "open 1 name " + salt + " eA==", "open 1 name " + salt + "= eA=",
           "open 1 name " + salt + "= eB==", "open 1 name " + salt + "=",
           "open 9223372036854775808 name " + salt + "= eA==", "open 1 name " + salt + "= eA==\n\n",
           "open 1 name " + salt + "= eA== ", "Open 1 name " + salt + "= eA=="}) {
    EXPECT_FALSE(parse_line(bad)) << bad;
  }
}

TEST(EpochKey, TakesNothingBut32Bytes) {
  EXPECT_THROW(EpochKey(std::vector<std::uint8_t>(31)), std::invalid_argument);
  EXPECT_THROW(EpochKey(std::vector<std::uint8_t>(33)), std::invalid_argument);
}

}  // namespace
}  // namespace chancery::opening
