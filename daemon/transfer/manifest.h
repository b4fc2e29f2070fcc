#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace chancery::transfer {

// A manifest is not longer than this.
constexpr std::size_t kMostManifestBytes = 4096;

// What NAME.sha256 says of NAME.
struct Manifest {
  std::string sha256;   // hex, lower case; empty after a mistake
  std::string mistake;  // a sentence; empty when there is none
};

// Reads what sha256sum prints for one file: 64 hex digits, two spaces or a space and `*`, the name; one line,
// whose end may be CRLF or missing. `name` is what must stand there.
[[nodiscard]] Manifest read_manifest(std::string_view text, std::string_view name);

}  // namespace chancery::transfer
