#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/transfer/recorder.h"

namespace chancery::transfer {

// What of the hub itself fails with a file in hand, for the operator's log: what the client is told says
// neither the cause nor anything to those who could mend it. Thread-safe.
class Trouble {
 public:
  Trouble(Clock clock, Log log) : clock_(std::move(clock)), log_(std::move(log)) {}

  // Logs "WHAT ID failed: CAUSE". An equal line within a minute is only counted, and the next that is logged
  // says how many were. `id` is of the policy and `cause` an error's own text: never a file's name, since
  // names are about people. Where there is no memory for it, the line is lost.
  void tell(std::string_view what, std::string_view id, std::string_view cause) noexcept;

 private:
  struct Told {
    entry::Micros at = 0;
    std::uint64_t since = 0;  // equal lines
  };
  std::string line(std::string_view what, std::string_view id, std::string_view cause);

  const Clock clock_;
  const Log log_;
  std::mutex mutex_;
  std::map<std::string, Told> told_;
};

}  // namespace chancery::transfer
