#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "ledger/log/prepare.h"
#include "ledger/merkle/merkle.h"
#include "ledger/store/store.h"

namespace chancery::log {

// The end of the ledger: what the next entry must continue. A value; copy it to go back.
class Chain {
 public:
  // Of an empty ledger.
  explicit Chain(std::string_view origin);
  // Of a stored one, after looking whether its last entry, its hash and its tree agree; answers what does
  // not.
  static std::variant<Chain, std::string> from(const store::Snapshot& snapshot, std::string_view origin);

  std::uint64_t size() const { return tree_.size(); }
  entry::Micros time() const { return time_; }  // of the last entry
  merkle::Hash root() const { return tree_.root(); }

  // Gives the entry the next place at `now` (or the last entry's time, if that is later) and adds it to
  // `batch`, openings aside. Answers the time.
  entry::Micros append(const Prepared& entry, entry::Micros now, store::Batch& batch);

 private:
  merkle::Frontier tree_;
  merkle::Hash prev_{};
  entry::Micros time_ = 0;
};

}  // namespace chancery::log
