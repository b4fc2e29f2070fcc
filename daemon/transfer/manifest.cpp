#include "daemon/transfer/manifest.h"

#include <algorithm>

namespace chancery::transfer {

namespace {

constexpr std::size_t kDigits = 64;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

}  // namespace

Manifest read_manifest(std::string_view text, std::string_view name) {
  const auto wrong = [&](const std::string& what) {
    return Manifest{{}, "The manifest " + std::string(name) + ".sha256 " + what};
  };
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  const std::string_view hex = text.substr(0, kDigits);
  const std::string_view between = text.substr(hex.size(), 2);
  if (hex.size() != kDigits || !std::all_of(hex.begin(), hex.end(), is_hex) ||
      (between != "  " && between != " *"))
    return wrong(
        "is not what sha256sum prints: 64 hexadecimal digits, two spaces, and the file's name. Make it by "
        "`sha256sum NAME > NAME.sha256` and upload it again.");
  const std::string_view rest = text.substr(kDigits + 2);
  if (rest.find_first_of("\r\n") != std::string_view::npos)
    return wrong(
        "has more than one line. Each file has a manifest of its own; upload it again with one line.");
  if (rest != name)
    return wrong(
        "names another file. Make it in the file's own folder, by `sha256sum NAME > NAME.sha256`, and "
        "upload it again.");
  Manifest manifest{std::string(hex), {}};
  std::transform(hex.begin(), hex.end(), manifest.sha256.begin(),
                 [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c; });
  return manifest;
}

}  // namespace chancery::transfer
