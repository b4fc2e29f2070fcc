#pragma once

#include <map>

#include "ledger/verify/findings.h"

namespace chancery::verify {

// Rebuilds the tree from leaf hashes, compares every stored hash with its own, and keeps the roots of the
// sizes asked for.
class TreeCheck {
 public:
  TreeCheck(const Source& source, Findings& findings) : source_(source), findings_(findings) {}

  // To be called before the first leaf.
  void want_root(std::uint64_t size) { roots_[size]; }
  void add(const merkle::Hash& leaf);
  // After the last leaf.
  void finish();

  std::uint64_t size() const { return frontier_.size(); }
  merkle::Hash root() const { return frontier_.root(); }
  std::uint64_t compared() const { return compared_; }
  // The root that was wanted; nullopt when the ledger has fewer entries.
  std::optional<merkle::Hash> root_of(std::uint64_t size) const;

 private:
  void flush();
  void expect_stored(std::uint64_t index, const merkle::Hash& stored);

  const Source& source_;
  Findings& findings_;
  merkle::Frontier frontier_;
  std::map<std::uint64_t, std::optional<merkle::Hash>> roots_;
  std::map<std::uint64_t, std::optional<merkle::Hash>>::iterator next_root_;
  bool begun_ = false;
  bool unreadable_ = false;            // reading stored hashes ended in damage
  std::vector<merkle::Hash> pending_;  // recomputed, not yet compared
  std::uint64_t compared_ = 0;         // index of the first of them
  std::uint64_t next_leaf_ = 0;        // seq of the next leaf among the compared
  std::optional<std::uint64_t> bad_leaf_;
};

}  // namespace chancery::verify
