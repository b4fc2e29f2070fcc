#pragma once

#include <functional>
#include <optional>
#include <string>

namespace chancery::transfer {

// Who asks: an account that has logged in. `key` is the fingerprint of the key it used, `address` an IP
// address.
struct Caller {
  std::string user;
  std::string agency;
  std::string key;
  std::string address;
};

// Why something was not done, as a sentence for the person at the other end.
struct Problem {
  enum class Kind { denied, not_found, failed };
  Kind kind = Kind::failed;
  std::string sentence;
  std::string code = {};  // under which the ledger records it as a refusal; empty: it does not
};

// Told once how a request ended: nullopt is success. Called on any thread; must not block.
using Done = std::function<void(std::optional<Problem>)>;

}  // namespace chancery::transfer
