#include "ledger/opening/entry_seal.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace chancery::opening {
namespace {

std::vector<FieldOpening> sample() {
  std::vector<FieldOpening> openings{{"account", {Salt{1}, "analyst"}}, {"name", {Salt{2}, ""}}};
  openings.push_back({"reason", {Salt{3}, std::string("a\0\xFF\n", 4)}});
  return openings;
}

void expect_same(const std::vector<FieldOpening>& have, const std::vector<FieldOpening>& want) {
  ASSERT_EQ(have.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(have[i].field, want[i].field);
    EXPECT_EQ(have[i].opening.salt, want[i].opening.salt);
    EXPECT_EQ(have[i].opening.value, want[i].opening.value);
  }
}

TEST(Pack, IsReadBackAndNoPartOfItIs) {
  const auto openings = sample();
  const auto packed = pack(openings);
  const auto read = unpack(packed);
  ASSERT_TRUE(read);
  expect_same(*read, openings);
  for (std::size_t length = 1; length < packed.size(); ++length) {
    const auto part = unpack(std::span(packed).first(length));
    EXPECT_TRUE(!part || part->size() < openings.size());
  }
}

TEST(EntrySeal, UnsealsOnlyWhatItSealedForThatEntry) {
  const EpochKey key = EpochKey::generate();
  EntrySeal seal(key);
  const auto openings = sample();
  const auto sealed = seal.seal(7, Nonce{1}, pack(openings));
  const auto opened = seal.unseal(7, sealed);
  ASSERT_TRUE(opened);
  expect_same(*opened, openings);
  EXPECT_FALSE(seal.unseal(8, sealed));
  EntrySeal other(EpochKey::generate());
  EXPECT_FALSE(other.unseal(7, sealed));
}

TEST(EntrySeal, NoticesEveryChangedOrMissingByteAndGoesOn) {
  EntrySeal seal(EpochKey::generate());
  const auto sealed = seal.seal(7, Nonce{1}, pack(sample()));
  for (std::size_t at = 0; at < sealed.size(); ++at) {
    auto changed = sealed;
    changed[at] ^= 0x20;
    ASSERT_FALSE(seal.unseal(7, changed)) << at;
    ASSERT_FALSE(seal.unseal(7, std::span(sealed).first(at))) << at;
  }
  EXPECT_TRUE(seal.unseal(7, sealed));
}

TEST(EntrySeal, HidesWhatItSeals) {
  EntrySeal seal(EpochKey::generate());
  const std::vector<FieldOpening> openings{{"name", {Salt{1}, std::string(64, 'm')}}};
  const auto sealed = seal.seal(7, Nonce{1}, pack(openings));
  const std::string bytes(sealed.begin(), sealed.end());
  EXPECT_EQ(bytes.find("mmmm"), std::string::npos);
  EXPECT_EQ(bytes.find("name"), std::string::npos);
  EXPECT_NE(sealed, seal.seal(7, Nonce{2}, pack(openings)));
}

}  // namespace
}  // namespace chancery::opening
