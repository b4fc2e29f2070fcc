#include "daemon/transfer/digest.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <botan/hash.h>
#include <botan/hex.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include "tests/unit/unequal_bytes.h"

namespace chancery::transfer {
namespace {

constexpr std::size_t kKibibyte = 1024;
constexpr std::size_t kMebibyte = 1024 * kKibibyte;
constexpr std::size_t kInPlace = 8 * kMebibyte;

std::string in_one_go(std::span<const std::uint8_t> bytes) {
  const auto hash = Botan::HashFunction::create_or_throw("SHA-256");
  hash->update(bytes);
  return Botan::hex_encode(hash->final_stdvec(), false);
}

void give(Digest& digest, std::span<const std::uint8_t> bytes, std::size_t step) {
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(bytes.size(), step))) {
    const auto piece = bytes.first(std::min(bytes.size(), step));
    digest.update({piece.begin(), piece.end()});
  }
}

TEST(Digest, OfNothing) {
  // FIPS 180-4's hash of the empty message.
  EXPECT_EQ(Digest().finish(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Digest, IsOfTheWholeWhateverItsSizeAndPieces) {
  const auto bytes = unequal_bytes(kInPlace + 3 * kMebibyte);
  for (const std::size_t size :
       {1 * kKibibyte, kInPlace - 1, kInPlace, kInPlace + 1, kInPlace + 256 * kKibibyte,
        kInPlace + 256 * kKibibyte + 1, kInPlace + kMebibyte, bytes.size()}) {
    const auto whole = std::span(bytes).first(size);
    for (const std::size_t step : {32 * kKibibyte, 256 * kKibibyte, 999 * kKibibyte, 10 * kMebibyte}) {
      Digest digest;
      give(digest, whole, step);
      EXPECT_EQ(digest.finish(), in_one_go(whole)) << size << " by " << step;
    }
  }
}

TEST(Digest, OnlySoManyHoldPiecesAndTheOthersHashAtOnce) {
  const auto bytes = unequal_bytes(kInPlace + kMebibyte);
  object::Places one(1);
  Digest first(one);
  give(first, bytes, 32 * kKibibyte);
  EXPECT_FALSE(one.try_acquire());
  Digest second(one);
  give(second, bytes, 32 * kKibibyte);
  EXPECT_EQ(second.finish(), in_one_go(bytes));
  EXPECT_EQ(first.finish(), in_one_go(bytes));
  EXPECT_TRUE(one.try_acquire());  // given back
}

TEST(Digest, GoesOnAfterAFlush) {
  const auto bytes = unequal_bytes(15 * kMebibyte);
  Digest digest;
  for (std::size_t i = 0; i < 15; ++i) {
    give(digest, std::span(bytes).subspan(i * kMebibyte, kMebibyte), 31 * kKibibyte);
    if (i % 4 == 3) digest.flush();
  }
  EXPECT_EQ(digest.finish(), in_one_go(bytes));
}

TEST(Digest, OneThatIsGivenUpCanGoAtAnyTime) {
  const auto bytes = unequal_bytes(kInPlace + kMebibyte);
  for (std::size_t more = 0; more < kMebibyte; more += 137 * kKibibyte) {
    Digest digest;
    give(digest, std::span(bytes).first(kInPlace + more), 32 * kKibibyte);
  }
}

// A client may send a byte at a time.
TEST(Digest, TinyPiecesTakeLittleMemory) {
  Digest digest;
  digest.update(unequal_bytes(kInPlace));
  digest.update(unequal_bytes(256 * kKibibyte));  // whatever its thread needs
  digest.flush();
  const std::size_t before = ::mallinfo2().uordblks;
  std::size_t most = 0;
  for (std::size_t i = 0; i < 200'000; ++i) {
    digest.update({static_cast<std::uint8_t>(i)});
    if (i % 1000 == 0) most = std::max(most, ::mallinfo2().uordblks);
  }
  EXPECT_LT(most, before + 512 * kKibibyte);
}

}  // namespace
}  // namespace chancery::transfer
