#include "daemon/transfer/trouble.h"

namespace chancery::transfer {

namespace {
constexpr entry::Micros kMinute = 60'000'000;
}

// Empty for one that is only counted.
std::string Trouble::line(std::string_view what, std::string_view id, std::string_view cause) {
  std::string line(what);
  line.append(" ").append(id).append(" failed: ").append(cause);
  const entry::Micros now = clock_();
  const std::lock_guard lock(mutex_);
  const auto [place, first] = told_.try_emplace(line, Told{now, 0});
  if (first) return line;
  Told& told = place->second;
  if (!has_passed(kMinute, told.at, now)) {
    ++told.since;
    return {};
  }
  if (told.since > 0)
    line += " (and so did " + std::to_string(told.since) + " more since that was last said)";
  told = {now, 0};
  return line;
}

void Trouble::tell(std::string_view what, std::string_view id, std::string_view cause) noexcept {
  try {
    if (const std::string said = line(what, id, cause); !said.empty()) log_(said);
  } catch (const std::exception&) {
    return;
  }
}

}  // namespace chancery::transfer
