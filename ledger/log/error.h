#pragma once

#include <stdexcept>

namespace chancery::log {

// The ledger cannot be opened or read as it should be: what() is a sentence for the administrator.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace chancery::log
