#include <bit>

#include <gtest/gtest.h>

#include "ledger/merkle/merkle.h"

namespace chancery::merkle {
namespace {

// The definition of RFC 6962 section 2.1, as it stands there: nothing stored, nothing clever.
Hash plain_root(std::span<const Hash> leaves) {
  if (leaves.empty()) {
    return empty_root();
  }
  if (leaves.size() == 1) {
    return leaves[0];
  }
  const std::size_t split = std::bit_floor(leaves.size() - 1);
  return node_hash(plain_root(leaves.first(split)), plain_root(leaves.subspan(split)));
}

struct Tree {
  std::vector<Hash> leaves;
  std::vector<Hash> stored;
  Frontier frontier;

  explicit Tree(std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      leaves.push_back(leaf_hash("entry " + std::to_string(i)));
      frontier.append(leaves.back(), stored);
    }
  }

  NodeReader reader() const {
    return [this](std::uint64_t index) { return stored.at(index); };
  }
};

constexpr std::size_t kSize = 70;

TEST(Tree, RootOfEveryPrefixIsTheDefinitions) {
  const Tree tree(kSize);
  for (std::size_t size = 0; size <= kSize; ++size) {
    const Hash want = plain_root(std::span(tree.leaves).first(size));
    EXPECT_EQ(tree_root(size, tree.reader()), want);
    EXPECT_EQ(Frontier(size, tree.reader()).root(), want);
  }
}

TEST(Tree, AReopenedFrontierStoresTheSameHashes) {
  const Tree whole(kSize);
  for (std::size_t cut = 0; cut <= kSize; ++cut) {
    Frontier frontier(cut, whole.reader());
    std::vector<Hash> stored(whole.stored.begin(),
                             whole.stored.begin() + static_cast<std::ptrdiff_t>(stored_count(cut)));
    for (std::size_t i = cut; i < kSize; ++i) {
      frontier.append(whole.leaves[i], stored);
    }
    EXPECT_EQ(stored, whole.stored);
    EXPECT_EQ(frontier.size(), kSize);
  }
}

// The recurrence as golang.org/x/mod/sumdb/tlog states it, against which our closed form is compared.
std::uint64_t go_stored_index(unsigned level, std::uint64_t n) {
  for (unsigned l = level; l > 0; --l) {
    n = 2 * n + 1;
  }
  std::uint64_t index = 0;
  for (; n > 0; n >>= 1) {
    index += n;
  }
  return index + level;
}

TEST(StoredIndex, IsGosAndWithoutGaps) {
  std::vector<bool> taken(stored_count(4096));
  for (unsigned level = 0; level <= 12; ++level) {
    for (std::uint64_t n = 0; n < (std::uint64_t{4096} >> level); ++n) {
      const std::uint64_t index = stored_index(level, n);
      ASSERT_EQ(index, go_stored_index(level, n));
      ASSERT_LT(index, taken.size());
      ASSERT_FALSE(taken[index]);
      taken[index] = true;
    }
  }
  EXPECT_EQ(taken, std::vector<bool>(taken.size(), true));
  EXPECT_EQ(stored_index(3, 5), go_stored_index(3, 5));
  EXPECT_EQ(stored_index(0, std::uint64_t{1} << 50), go_stored_index(0, std::uint64_t{1} << 50));
}

TEST(Proof, EveryLeafIsProvenInEveryTreeAndNowhereElse) {
  const Tree tree(kSize);
  for (std::uint64_t size = 1; size <= kSize; ++size) {
    const Hash root = tree_root(size, tree.reader());
    for (std::uint64_t index = 0; index < size; ++index) {
      auto proof = inclusion_proof(index, size, tree.reader());
      ASSERT_LE(proof.size(), static_cast<std::size_t>(std::bit_width(size - 1)));
      ASSERT_TRUE(verify_inclusion(index, size, tree.leaves[index], proof, root));
      ASSERT_FALSE(verify_inclusion(index + 1, size, tree.leaves[index], proof, root));
      ASSERT_FALSE(verify_inclusion(index, size, tree.leaves[(index + 1) % kSize], proof, root));
      proof.push_back(root);
      ASSERT_FALSE(verify_inclusion(index, size, tree.leaves[index], proof, root));
    }
  }
}

TEST(Proof, EveryTreeIsProvenToContinueEveryEarlierOneAndNoOther) {
  const Tree tree(kSize);
  for (std::uint64_t size = 0; size <= kSize; ++size) {
    const Hash root = tree_root(size, tree.reader());
    for (std::uint64_t old_size = 0; old_size <= size; ++old_size) {
      const Hash old_root = tree_root(old_size, tree.reader());
      auto proof = consistency_proof(old_size, size, tree.reader());
      ASSERT_TRUE(verify_consistency(old_size, size, old_root, root, proof)) << old_size << " " << size;
      Hash other = old_root;
      other[5] ^= 1;
      ASSERT_FALSE(verify_consistency(old_size, size, other, root, proof));
      ASSERT_EQ(verify_consistency(old_size, size, old_root, other, proof), old_size == 0 && size != 0);
      proof.push_back(root);
      ASSERT_FALSE(verify_consistency(old_size, size, old_root, root, proof));
    }
  }
}

TEST(Proof, ImpossiblePlacesThrow) {
  const Tree tree(4);
  EXPECT_THROW(inclusion_proof(4, 4, tree.reader()), std::out_of_range);
  EXPECT_THROW(consistency_proof(5, 4, tree.reader()), std::out_of_range);
}

TEST(Base64, OfAHashIsReadBackAndNothingElseIsAccepted) {
  const Hash hash = leaf_hash("x");
  const std::string text = to_base64(hash);
  EXPECT_EQ(from_base64(text), hash);
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = text;
      changed[at] = static_cast<char>(byte);
      const auto read = from_base64(changed);
      ASSERT_EQ(read.has_value(), is_base64(changed));
      ASSERT_TRUE(!read || to_base64(*read) == changed);
    }
  }
  EXPECT_FALSE(from_base64(text.substr(1)));
  EXPECT_FALSE(from_base64(text + "="));
  EXPECT_FALSE(from_base64(""));
}

}  // namespace
}  // namespace chancery::merkle
