#include "policies/seal/seal.h"

#include <algorithm>
#include <random>
#include <stdexcept>

#include <gtest/gtest.h>

namespace chancery::seal {
namespace {

using Data = std::vector<std::uint8_t>;
constexpr std::size_t kChunk = 64 * 1024;

Data some_bytes(std::size_t size) {
  Data bytes(size);
  std::mt19937 random(7);
  std::ranges::generate(bytes, [&] { return static_cast<std::uint8_t>(random()); });
  return bytes;
}

Data sealed(std::span<const Recipient> recipients, const Data& plaintext, std::size_t step = 100'000,
            unsigned threads = 1) {
  Data out;
  Sealer sealer(
      recipients, [&](std::span<const std::uint8_t> b) { out.insert(out.end(), b.begin(), b.end()); },
      threads);
  for (std::size_t at = 0; at < plaintext.size(); at += step) {
    sealer.update(std::span(plaintext).subspan(at, std::min(step, plaintext.size() - at)));
  }
  sealer.finish();
  return out;
}

// What came out, and whether the file was opened whole.
struct Opened {
  Data plaintext;
  std::optional<Failure> failure;
  std::string sentence;
};

Opened opened(const std::vector<Identity>& identities, std::span<const std::uint8_t> file,
              unsigned threads = 1) {
  Opened result;
  try {
    Opener opener(
        identities,
        [&](std::span<const std::uint8_t> b) {
          EXPECT_LE(b.size(), kChunk);
          result.plaintext.insert(result.plaintext.end(), b.begin(), b.end());
        },
        threads);
    opener.update(file);
    opener.finish();
  } catch (const OpenError& error) {
    result.failure = error.failure();
    result.sentence = error.what();
  }
  return result;
}

bool is_prefix(const Data& part, const Data& whole) {
  return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

class EachKind : public testing::TestWithParam<KeyKind> {
 protected:
  Identity identity_ = Identity::generate(GetParam());
  std::vector<Recipient> recipients_{identity_.recipient()};
};

INSTANTIATE_TEST_SUITE_P(Kinds, EachKind, testing::Values(KeyKind::x25519, KeyKind::mlkem768x25519),
                         [](const auto& kind) { return std::string(name_of(kind.param)); });

TEST_P(EachKind, OpensWhatWasSealedAtEverySizeStepAndNumberOfThreads) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kChunk - 1, kChunk, kChunk + 1, 4 * kChunk,
                                 4 * kChunk + 1, 40 * kChunk, std::size_t{3'000'017}}) {
    const Data plaintext = some_bytes(size);
    for (const unsigned threads : {1U, 2U, 5U}) {
      const Data file = sealed(recipients_, plaintext, threads == 1 ? 1'000 : 100'000, threads);
      EXPECT_EQ(file.size(), sealed_size(recipients_, size));
      const Opened result = opened({identity_}, file, threads);
      EXPECT_FALSE(result.failure) << result.sentence;
      EXPECT_TRUE(result.plaintext == plaintext) << size;
    }
  }
}

TEST_P(EachKind, EveryRecipientOpensItAndNobodyElse) {
  const Identity second = Identity::generate(GetParam());
  const Identity stranger = Identity::generate(GetParam());
  recipients_.push_back(second.recipient());
  const Data plaintext = some_bytes(1000);
  const Data file = sealed(recipients_, plaintext);
  EXPECT_EQ(file.size(), sealed_size(recipients_, plaintext.size()));
  EXPECT_TRUE(opened({identity_}, file).plaintext == plaintext);
  EXPECT_TRUE(opened({stranger, second}, file).plaintext == plaintext);
  const Opened refused = opened({stranger}, file);
  EXPECT_EQ(refused.failure, Failure::no_match);
  EXPECT_TRUE(refused.plaintext.empty());
  EXPECT_NE(refused.sentence.find("sealed to 2 " + std::string(name_of(GetParam())) + " keys"),
            std::string::npos)
      << refused.sentence;
}

TEST_P(EachKind, NoByteCanBeAlteredAndNoneOfTheEndCanBeCut) {
  const Data plaintext = some_bytes(300);
  const Data file = sealed(recipients_, plaintext);
  for (std::size_t at = 0; at < file.size(); ++at) {
    Data altered = file;
    altered[at] ^= static_cast<std::uint8_t>(1U << (at % 8));
    const Opened result = opened({identity_}, altered);
    EXPECT_TRUE(result.failure) << at;
    EXPECT_TRUE(result.plaintext.empty()) << at;
    EXPECT_TRUE(opened({identity_}, std::span(file).first(at)).failure) << at;
  }
}

TEST_P(EachKind, CutAroundAnyChunkBoundaryTheOutputIsAPrefixAndTheFileIsRefused) {
  const Data plaintext = some_bytes(9 * kChunk + 5);
  const Data file = sealed(recipients_, plaintext);
  const std::size_t start = file.size() - plaintext.size() - std::size_t{10} * 16;
  for (std::size_t chunk = 0; chunk <= 9; ++chunk) {
    for (const std::ptrdiff_t by : {-17, -16, -1, 0, 1, 15, 16, 17}) {
      const std::size_t size = start + chunk * (kChunk + 16) + static_cast<std::size_t>(by);
      for (const unsigned threads : {1U, 3U}) {
        const Opened result =
            opened({identity_}, std::span(file).first(std::min(size, file.size() - 1)), threads);
        EXPECT_TRUE(result.failure) << chunk << " " << by;
        EXPECT_TRUE(is_prefix(result.plaintext, plaintext)) << chunk << " " << by;
      }
    }
  }
}

TEST_P(EachKind, ChunksCannotBeSwappedDroppedOrRepeated) {
  const Data plaintext = some_bytes(4 * kChunk);
  const Data file = sealed(recipients_, plaintext);
  const auto start = static_cast<std::ptrdiff_t>(file.size() - std::size_t{4} * (kChunk + 16));
  const std::ptrdiff_t stride = kChunk + 16;
  Data swapped = file;
  std::swap_ranges(swapped.begin() + start, swapped.begin() + start + stride,
                   swapped.begin() + start + stride);
  Data dropped = file;
  dropped.erase(dropped.begin() + start + stride, dropped.begin() + start + 2 * stride);
  Data repeated = file;
  repeated.insert(repeated.begin() + start, file.begin() + start, file.begin() + start + stride);
  for (const Data& altered : {swapped, dropped, repeated}) {
    const Opened result = opened({identity_}, altered);
    EXPECT_EQ(result.failure, Failure::payload);
    EXPECT_TRUE(is_prefix(result.plaintext, plaintext));
  }
}

TEST(Sealer, RefusesNobodyAndMixedKinds) {
  const Recipient classical = Identity::generate(KeyKind::x25519).recipient();
  const Recipient quantum = Identity::generate(KeyKind::mlkem768x25519).recipient();
  const Sink nowhere = [](std::span<const std::uint8_t>) { FAIL() << "nothing must be written"; };
  EXPECT_THROW(Sealer({}, nowhere), std::invalid_argument);
  EXPECT_THROW(Sealer(std::vector{classical, quantum}, nowhere), std::invalid_argument);
  EXPECT_THROW(Sealer(std::vector(1000, quantum), nowhere), std::invalid_argument);
}

TEST(Sealer, TwoSealingsShareNothing) {
  const std::vector recipients{Identity::generate(KeyKind::x25519).recipient()};
  const Data a = sealed(recipients, Data(100));
  const Data b = sealed(recipients, Data(100));
  EXPECT_FALSE(std::equal(a.end() - 132, a.end() - 116, b.end() - 132));  // nonces
  EXPECT_FALSE(std::equal(a.end() - 116, a.end(), b.end() - 116));        // payloads
}

TEST(Sealer, WhatTheSinkThrowsPassesThroughAlsoWithThreads) {
  const std::vector recipients{Identity::generate(KeyKind::x25519).recipient()};
  for (const unsigned threads : {1U, 2U}) {
    int calls = 0;
    Sealer sealer(
        recipients,
        [&](std::span<const std::uint8_t>) {
          if (++calls == 2) {
            throw std::runtime_error("disk full");
          }
        },
        threads);
    const Data plaintext(8 * 1024 * 1024);
    EXPECT_THROW(
        {
          sealer.update(plaintext);
          sealer.finish();
        },
        std::runtime_error);
  }
}

TEST(Opener, IsOfNoUseAfterAFailure) {
  Opener opener({}, [](std::span<const std::uint8_t>) {});
  const Data junk(100, 'x');
  EXPECT_THROW(opener.update(junk), OpenError);
  EXPECT_THROW(opener.update(junk), std::logic_error);
  EXPECT_THROW(opener.finish(), std::logic_error);
}

TEST(Opener, SaysWhatAFileIsThatIsNotSealedOrIsUnderAPassphrase) {
  const std::string text = "id,name\n1,Ann\n";
  const Opened junk = opened({}, Data(text.begin(), text.end()));
  EXPECT_EQ(junk.failure, Failure::armor);
  EXPECT_NE(junk.sentence.find("not a sealed file"), std::string::npos);
  const std::string scrypt =
      "age-encryption.org/v1\n-> scrypt rF0/NwblUHHTpgQgRpe5CQ "
      "10\ngUjEymFKMVXQEKdMMHL24oYexjE3TIC0O0zGSqJ2aUY\n"
      "--- IOXiQYStkoT1mvZW2tFOqZdhRVvj58egABx/sWfZQbc\n";
  const Opened locked = opened({}, Data(scrypt.begin(), scrypt.end()));
  EXPECT_EQ(locked.failure, Failure::no_match);
  EXPECT_NE(locked.sentence.find("passphrase"), std::string::npos);
}

TEST(Opener, AHeaderWithoutEndIsRefusedInBoundedMemory) {
  Opener opener({}, [](std::span<const std::uint8_t>) {});
  const std::string start = "age-encryption.org/v1\n-> ";
  opener.update(Data(start.begin(), start.end()));
  const Data more(10'000, 'a');
  EXPECT_THROW(
      for (int i = 0; i < 1000; ++i) { opener.update(more); }, OpenError);
}

}  // namespace
}  // namespace chancery::seal
