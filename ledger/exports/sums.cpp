#include "ledger/exports/sums.h"

#include <algorithm>

#include <botan/hex.h>

namespace chancery::exports {
namespace {

constexpr std::size_t kHexDigits = 64;

std::optional<merkle::Hash> from_hex(std::string_view text) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (text.size() != kHexDigits || !std::ranges::all_of(text, is_digit)) {
    return std::nullopt;
  }
  merkle::Hash hash{};
  Botan::hex_decode(hash.data(), text, false);
  return hash;
}

}  // namespace

std::string to_hex(const merkle::Hash& hash) { return Botan::hex_encode(hash, false); }

bool is_path(std::string_view path) {
  if (!std::ranges::all_of(path, [](char c) { return c >= ' ' && c <= '~' && c != '\\'; })) {
    return false;
  }
  for (;;) {
    const std::size_t slash = path.find('/');
    const std::string_view element = path.substr(0, slash);
    if (element.empty() || element == "." || element == "..") {
      return false;
    }
    if (slash == std::string_view::npos) {
      return true;
    }
    path.remove_prefix(slash + 1);
  }
}

std::string format_sums(const Sums& sums) {
  std::size_t length = 0;
  for (const auto& [path, hash] : sums) {
    length += kHexDigits + 2 + path.size() + 1;
  }
  std::string text;
  text.reserve(length);  // a long export's takes megabytes, and growing would take as much again
  for (const auto& [path, hash] : sums) {
    text += to_hex(hash);
    text += "  ";
    text += path;
    text += "\n";
  }
  return text;
}

std::optional<Sums> parse_sums(std::string_view text) {
  Sums sums;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos || end <= kHexDigits + 2) {
      return std::nullopt;
    }
    const std::string_view line = text.substr(0, end);
    const auto hash = from_hex(line.substr(0, kHexDigits));
    const std::string_view path = line.substr(kHexDigits + 2);
    const bool ascending = sums.empty() || sums.rbegin()->first < path;
    if (!hash || line.substr(kHexDigits, 2) != "  " || !is_path(path) || !ascending) {
      return std::nullopt;
    }
    sums.emplace_hint(sums.end(), path, *hash);
    text.remove_prefix(end + 1);
  }
  return sums;
}

}  // namespace chancery::exports
