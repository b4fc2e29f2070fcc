#pragma once

#include <cstdint>

#include "policies/toml/document.h"

namespace chancery::agreement {

// How much an agency, or all on a route, may send; 0 is as much as they like (docs/policy.md, "Quotas"). A
// day is a civil one in the hub's timezone.
struct Quota {
  std::uint64_t bytes_per_day = 0;
  std::uint64_t files_per_day = 0;
  std::uint64_t bytes_per_second = 0;
  std::uint32_t sessions = 0;  // of an agency, at once
};

// Who a [quota] is of: only an agency has sessions.
enum class QuotaOf { agency, route };

// Reads the table [quota], if there is one.
Quota read_quota(toml::Table& parent, QuotaOf whom);

}  // namespace chancery::agreement
