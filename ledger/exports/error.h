#pragma once

#include <stdexcept>

namespace chancery::exports {

// What could not be done, in a sentence for a person.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace chancery::exports
