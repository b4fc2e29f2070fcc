#include "daemon/tree/listing.h"

#include <array>
#include <cstdio>
#include <ctime>

namespace chancery::tree {

namespace {

constexpr std::uint32_t kDirectory = 0040000;
constexpr std::uint32_t kRegular = 0100000;
constexpr std::int64_t kHalfAYear = 182LL * 24 * 3600;

std::uint32_t seconds(entry::Micros time) {
  const std::int64_t value = time / 1'000'000;
  return value < 0 ? 0 : static_cast<std::uint32_t>(std::min<std::int64_t>(value, UINT32_MAX));
}

sftp::Attributes attributes(std::uint64_t size, std::uint32_t permissions, entry::Micros modified) {
  sftp::Attributes result;
  result.size = size;
  result.owner = sftp::Attributes::Owner{};
  result.permissions = permissions;
  result.times = sftp::Attributes::Times{seconds(modified), seconds(modified)};
  return result;
}

std::string mode_text(std::uint32_t permissions) {
  std::string text = (permissions & 0170000) == kDirectory ? "d" : "-";
  for (int bit = 8; bit >= 0; --bit) text += (permissions >> bit & 1) != 0 ? "xwr"[bit % 3] : '-';
  return text;
}

}  // namespace

sftp::Attributes directory_attributes(entry::Micros modified) {
  return attributes(0, kDirectory | 0755, modified);
}

sftp::Attributes file_attributes(std::uint64_t size, entry::Micros modified, Access access) {
  constexpr std::array<std::uint32_t, 4> kModes = {0, 0444, 0200, 0644};
  return attributes(size, kRegular | kModes[static_cast<std::size_t>(access)], modified);
}

sftp::NamedFile named(const Listed& listed, const std::string& owner, entry::Micros now) {
  const auto& [name, attributes] = listed;
  const std::time_t modified = attributes.times->modified;
  std::tm civil{};
  ::gmtime_r(&modified, &civil);
  const bool recent = now / 1'000'000 - modified < kHalfAYear;
  std::array<char, 32> when{};
  if (std::strftime(when.data(), when.size(), recent ? "%b %e %H:%M" : "%b %e  %Y", &civil) == 0)
    when[0] = '\0';
  std::array<char, 160> line{};
  std::snprintf(line.data(), line.size(), "%s    1 %-8s %-8s %10llu %s ",
                mode_text(*attributes.permissions).c_str(), owner.c_str(), owner.c_str(),
                static_cast<unsigned long long>(*attributes.size), when.data());
  return {name, line.data() + name, attributes};
}

}  // namespace chancery::tree
