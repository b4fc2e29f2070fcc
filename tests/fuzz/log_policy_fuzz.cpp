#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <variant>

#include "ledger/note/log_policy.h"

// A policy that is accepted has only members and a quorum that are defined before, and thresholds that can be
// met.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chancery::note;
  const auto parsed = parse_log_policy(std::string_view(reinterpret_cast<const char*>(data), size));
  const auto* policy = std::get_if<LogPolicy>(&parsed);
  if (policy == nullptr) {
    return 0;
  }
  for (std::size_t at = 0; at < policy->cosigners.size(); ++at) {
    const LogPolicy::Cosigner& cosigner = policy->cosigners[at];
    for (const std::size_t member : cosigner.members) {
      if (member >= at) {
        std::abort();
      }
    }
    if (!cosigner.key && (cosigner.threshold < 1 || cosigner.threshold > cosigner.members.size())) {
      std::abort();
    }
  }
  if (policy->quorum && *policy->quorum >= policy->cosigners.size()) {
    std::abort();
  }
  return 0;
}
