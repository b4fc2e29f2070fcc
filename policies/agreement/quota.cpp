#include "policies/agreement/quota.h"

namespace chancery::agreement {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 50U;  // 1 PiB
constexpr std::uint64_t kLeastRate =
    16'384;  // so that what a session has on its way passes before it is idle
constexpr std::int64_t kMostFiles = 1'000'000'000;
constexpr std::int64_t kMostSessions = 10'000;

}  // namespace

Quota read_quota(toml::Table& parent, QuotaOf whom) {
  Quota quota;
  auto table = parent.optional_table("quota");
  if (!table) {
    return quota;
  }
  quota.bytes_per_day = table->optional_size("bytes_per_day", kMostBytes).value_or(0);
  quota.files_per_day =
      static_cast<std::uint64_t>(table->optional_integer("files_per_day", 1, kMostFiles).value_or(0));
  quota.bytes_per_second = table->optional_size("bytes_per_second", kMostBytes).value_or(0);
  if (quota.bytes_per_second != 0 && quota.bytes_per_second < kLeastRate) {
    table->mistake("bytes_per_second", "\"bytes_per_second\" is " + std::to_string(quota.bytes_per_second) +
                                           ": expected at least 16 KiB");
  }
  if (whom == QuotaOf::agency) {
    quota.sessions =
        static_cast<std::uint32_t>(table->optional_integer("sessions", 1, kMostSessions).value_or(0));
  }
  table->finish();
  return quota;
}

}  // namespace chancery::agreement
