#include "ledger/verify/tree_check.h"

namespace chancery::verify {
namespace {

constexpr std::size_t kCompareAtOnce = 8192;

}  // namespace

void TreeCheck::add(const merkle::Hash& leaf) {
  if (!begun_) {
    begun_ = true;
    next_root_ = roots_.begin();
    if (next_root_ != roots_.end() && next_root_->first == 0) {
      next_root_++->second = merkle::empty_root();
    }
  }
  frontier_.append(leaf, pending_);
  if (next_root_ != roots_.end() && next_root_->first == frontier_.size()) {
    next_root_++->second = frontier_.root();
  }
  if (pending_.size() >= kCompareAtOnce) {
    flush();
  }
}

// Only of leaves is the entry known that must have been changed; a node is wrong as well when a leaf below it
// is, so those are left out.
void TreeCheck::expect_stored(std::uint64_t index, const merkle::Hash& stored) {
  const bool leaf = index == merkle::stored_index(0, next_leaf_);
  const std::uint64_t seq = leaf ? next_leaf_++ : next_leaf_ - 1;
  if (stored == pending_[index - compared_]) {
    return;
  }
  if (leaf) {
    bad_leaf_ = seq;
    findings_.add(seq, "its bytes do not have the hash that was stored when it was written");
  } else if (!bad_leaf_) {
    findings_.add(
        seq, "the stored hash " + std::to_string(index) + " of the tree up to it is not that of the entries");
  }
}

void TreeCheck::flush() {
  if (source_.recomputed) {
    source_.recomputed(pending_);
  }
  if (source_.hashes && !unreadable_ && !pending_.empty()) {
    std::uint64_t next = compared_;
    const std::uint64_t end = compared_ + pending_.size();
    try {
      source_.hashes(compared_, [&](std::uint64_t index, const merkle::Hash& stored) {
        expect_stored(index, stored);
        next = index + 1;
        return next < end;
      });
      if (next < end) {
        unreadable_ = true;
        findings_.add(std::nullopt,
                      "stored hash " + std::to_string(next) + " and those after it are missing");
      }
    } catch (const store::Error& error) {
      if (error.fault() != store::Fault::damaged) {
        throw;
      }
      unreadable_ = true;
      findings_.add(std::nullopt, error.what());
    }
  }
  compared_ += pending_.size();
  pending_.clear();
}

void TreeCheck::finish() {
  flush();
  if (!begun_) {
    const auto empty = roots_.find(0);
    if (empty != roots_.end()) {
      empty->second = merkle::empty_root();
    }
  }
  if (!source_.hashes) {
    compared_ = 0;
    return;
  }
  if (!unreadable_) {
    source_.hashes(compared_, [&](std::uint64_t index, const merkle::Hash&) {
      findings_.add(std::nullopt,
                    "there are stored hashes from " + std::to_string(index) + " on that no entry has");
      return false;
    });
  }
}

std::optional<merkle::Hash> TreeCheck::root_of(std::uint64_t size) const {
  const auto found = roots_.find(size);
  return found == roots_.end() ? std::nullopt : found->second;
}

}  // namespace chancery::verify
