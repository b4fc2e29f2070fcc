// Any bytes as a manifest: what is taken names the file, and is what sha256sum would print of it.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "daemon/transfer/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using chancery::transfer::read_manifest;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto manifest = read_manifest(text, "oct.csv");
  if (manifest.sha256.empty() == manifest.mistake.empty()) std::abort();
  if (!manifest.mistake.empty()) return 0;
  const auto again = read_manifest(manifest.sha256 + "  oct.csv\n", "oct.csv");
  if (again.sha256 != manifest.sha256 || !read_manifest(text, "nov.csv").sha256.empty()) std::abort();
  return 0;
}
