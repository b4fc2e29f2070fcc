#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// The Merkle tree of RFC 6962 section 2.1 over SHA-256: hashes, the place of each stored node, proofs and
// their verification. Pure: nothing here touches disk, clock or network, and everything is thread-safe.
namespace chancery::merkle {

using Hash = std::array<std::uint8_t, 32>;

// Leaf hash: SHA-256(0x00 || entry).
Hash leaf_hash(std::span<const std::uint8_t> entry);
Hash leaf_hash(std::string_view entry);

// Interior node: SHA-256(0x01 || left || right).
Hash node_hash(const Hash& left, const Hash& right);

// Plain SHA-256 of some bytes.
Hash sha256_of(std::span<const std::uint8_t> bytes);
Hash sha256_of(std::string_view bytes);

// Root of the tree with no leaves: SHA-256 of the empty string.
Hash empty_root();

// The base64 (RFC 4648 section 4) of a hash, always 44 characters, and back; nullopt unless canonical.
std::string to_base64(const Hash& hash);
std::optional<Hash> from_base64(std::string_view text);

// Whether from_base64() would answer a hash, at a fraction of its cost.
[[nodiscard]] bool is_base64(std::string_view text);

// Where node `n` of `level` (0: leaves) stands among the stored hashes, which are written in the order in
// which they become complete (Crosby-Wallach order, as StoredHashIndex of golang.org/x/mod/sumdb/tlog).
std::uint64_t stored_index(unsigned level, std::uint64_t n);

// How many hashes a tree of `size` leaves has stored: the first index that is still free.
std::uint64_t stored_count(std::uint64_t size);

// Answers the stored hash at an index below stored_count(size); throws what it likes when it cannot.
using NodeReader = std::function<Hash(std::uint64_t stored_index)>;

// The complete subtrees at the right edge of a tree, largest first: all that is needed to append leaves.
class Frontier {
 public:
  Frontier() = default;
  // The frontier of an existing tree, read from its stored hashes.
  Frontier(std::uint64_t size, const NodeReader& read);

  // Appends a leaf and adds to `stored` the hashes that this completes, in stored order (the leaf first).
  void append(const Hash& leaf, std::vector<Hash>& stored);

  std::uint64_t size() const { return size_; }
  Hash root() const;

 private:
  std::uint64_t size_ = 0;
  std::vector<Hash> peaks_;
};

// Root of the first `size` leaves.
Hash tree_root(std::uint64_t size, const NodeReader& read);

// RFC 6962 section 2.1.1 audit path of leaf `index` in the tree of `size` leaves (index < size), at most
// ceil(log2(size)) hashes, each one read or the combination of read ones.
std::vector<Hash> inclusion_proof(std::uint64_t index, std::uint64_t size, const NodeReader& read);

// RFC 6962 section 2.1.2 consistency proof (old_size <= size). Empty when the sizes are equal or old_size is
// 0.
std::vector<Hash> consistency_proof(std::uint64_t old_size, std::uint64_t size, const NodeReader& read);

// RFC 9162 section 2.1.3.2. False for any proof that does not lead from the leaf to exactly this root.
[[nodiscard]] bool verify_inclusion(std::uint64_t index, std::uint64_t size, const Hash& leaf,
                                    std::span<const Hash> proof, const Hash& root);

// RFC 9162 section 2.1.4.2. With old_size 0, true only for an empty proof.
[[nodiscard]] bool verify_consistency(std::uint64_t old_size, std::uint64_t size, const Hash& old_root,
                                      const Hash& root, std::span<const Hash> proof);

}  // namespace chancery::merkle
