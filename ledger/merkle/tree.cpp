#include <bit>
#include <stdexcept>

#include "ledger/merkle/merkle.h"

namespace chancery::merkle {
namespace {

// The largest power of two below `size` (size > 1): where RFC 6962 splits a tree.
std::uint64_t split_of(std::uint64_t size) { return std::bit_floor(size - 1); }

Hash subtree(unsigned level, std::uint64_t first, const NodeReader& read) {
  return read(stored_index(level, first >> level));
}

// Root of the leaves [first, first + size), where first is a multiple of the largest power of two <= size.
Hash range_root(std::uint64_t first, std::uint64_t size, const NodeReader& read) {
  // Complete subtrees from the smallest (rightmost) to the largest.
  std::uint64_t end = first + size;
  std::optional<Hash> root;
  for (std::uint64_t rest = size; rest != 0; rest &= rest - 1) {
    const auto level = static_cast<unsigned>(std::countr_zero(rest));
    end -= std::uint64_t{1} << level;
    const Hash peak = subtree(level, end, read);
    root = root ? node_hash(peak, *root) : peak;
  }
  return root ? *root : empty_root();
}

// RFC 6962 section 2.1.2, SUBPROOF(old_size, D[first : first + size], whole).
void append_subproof(std::uint64_t old_size, std::uint64_t first, std::uint64_t size, const NodeReader& read,
                     std::vector<Hash>& proof) {
  bool whole = true;
  std::vector<Hash> outer;
  while (old_size != size) {
    const std::uint64_t split = split_of(size);
    if (old_size <= split) {
      outer.push_back(range_root(first + split, size - split, read));
      size = split;
    } else {
      outer.push_back(range_root(first, split, read));
      first += split;
      old_size -= split;
      size -= split;
      whole = false;
    }
  }
  if (!whole) {
    proof.push_back(range_root(first, size, read));
  }
  proof.insert(proof.end(), outer.rbegin(), outer.rend());
}

}  // namespace

std::uint64_t stored_count(std::uint64_t size) {
  // Level k has floor(size / 2^k) complete nodes; their sum over all k is this.
  return 2 * size - static_cast<std::uint64_t>(std::popcount(size));
}

std::uint64_t stored_index(unsigned level, std::uint64_t n) {
  // The node is written once its last leaf is, after the nodes of lower levels that this leaf completes.
  const std::uint64_t last_leaf = ((n + 1) << level) - 1;
  return stored_count(last_leaf) + level;
}

Frontier::Frontier(std::uint64_t size, const NodeReader& read) : size_(size) {
  std::uint64_t first = 0;
  for (std::uint64_t rest = size; rest != 0;) {
    const std::uint64_t width = std::bit_floor(rest);
    peaks_.push_back(subtree(static_cast<unsigned>(std::countr_zero(width)), first, read));
    first += width;
    rest -= width;
  }
}

void Frontier::append(const Hash& leaf, std::vector<Hash>& stored) {
  stored.push_back(leaf);
  Hash node = leaf;
  for (std::uint64_t rest = size_; (rest & 1) != 0; rest >>= 1) {
    node = node_hash(peaks_.back(), node);
    peaks_.pop_back();
    stored.push_back(node);
  }
  peaks_.push_back(node);
  ++size_;
}

Hash Frontier::root() const {
  if (peaks_.empty()) {
    return empty_root();
  }
  Hash root = peaks_.back();
  for (auto peak = peaks_.rbegin() + 1; peak != peaks_.rend(); ++peak) {
    root = node_hash(*peak, root);
  }
  return root;
}

Hash tree_root(std::uint64_t size, const NodeReader& read) { return range_root(0, size, read); }

std::vector<Hash> inclusion_proof(std::uint64_t index, std::uint64_t size, const NodeReader& read) {
  if (index >= size) {
    throw std::out_of_range("an inclusion proof needs a leaf below the tree's size");
  }
  std::vector<Hash> proof;
  std::uint64_t first = 0;
  while (size > 1) {
    const std::uint64_t split = split_of(size);
    if (index - first < split) {
      proof.push_back(range_root(first + split, size - split, read));
      size = split;
    } else {
      proof.push_back(range_root(first, split, read));
      first += split;
      size -= split;
    }
  }
  return {proof.rbegin(), proof.rend()};
}

std::vector<Hash> consistency_proof(std::uint64_t old_size, std::uint64_t size, const NodeReader& read) {
  if (old_size > size) {
    throw std::out_of_range("a consistency proof leads from a smaller tree to a larger one");
  }
  std::vector<Hash> proof;
  if (old_size != 0 && old_size != size) {
    append_subproof(old_size, 0, size, read, proof);
  }
  return proof;
}

bool verify_inclusion(std::uint64_t index, std::uint64_t size, const Hash& leaf, std::span<const Hash> proof,
                      const Hash& root) {
  if (index >= size) {
    return false;
  }
  std::uint64_t fn = index;
  std::uint64_t sn = size - 1;
  Hash result = leaf;
  for (const Hash& sibling : proof) {
    if (sn == 0) {
      return false;
    }
    if ((fn & 1) != 0 || fn == sn) {
      result = node_hash(sibling, result);
      while ((fn & 1) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      result = node_hash(result, sibling);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && result == root;
}

bool verify_consistency(std::uint64_t old_size, std::uint64_t size, const Hash& old_root, const Hash& root,
                        std::span<const Hash> proof) {
  if (old_size > size) {
    return false;
  }
  if (old_size == size) {
    return proof.empty() && old_root == root;
  }
  if (old_size == 0) {
    return proof.empty() && old_root == empty_root();
  }
  if (proof.empty()) {
    return false;
  }
  // A tree whose size is a power of two is itself the first node of the path.
  const bool own_start = std::has_single_bit(old_size);
  std::uint64_t fn = old_size - 1;
  std::uint64_t sn = size - 1;
  const int shared = std::countr_one(fn);
  fn >>= shared;
  sn >>= shared;
  Hash old_result = own_start ? old_root : proof.front();
  Hash result = old_result;
  for (const Hash& node : proof.subspan(own_start ? 0 : 1)) {
    if (sn == 0) {
      return false;
    }
    if ((fn & 1) != 0 || fn == sn) {
      old_result = node_hash(node, old_result);
      result = node_hash(node, result);
      while ((fn & 1) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      result = node_hash(result, node);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && old_result == old_root && result == root;
}

}  // namespace chancery::merkle
