#pragma once

#include <mutex>

#include "ledger/verify/verify.h"

namespace chancery::verify {

// Collects findings from both threads, the first kMaxFindings of them.
class Findings {
 public:
  void add(std::optional<std::uint64_t> seq, std::string text) {
    const std::scoped_lock lock(mutex_);
    if (findings_.size() < kMaxFindings) {
      findings_.push_back({seq, std::move(text)});
    } else {
      ++more_;
    }
  }

  // Moves them, in order of their entries and then as found, into the report.
  void report(Report& report);

 private:
  std::mutex mutex_;
  std::vector<Finding> findings_;
  std::uint64_t more_ = 0;
};

}  // namespace chancery::verify
