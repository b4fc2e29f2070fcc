#include "ledger/exports/layout.h"

#include <stdexcept>

#include "ledger/entry/entry.h"

namespace chancery::exports {
namespace {

std::string index_path(std::uint64_t index, std::uint64_t width) {
  const auto group = [](std::uint64_t value) {
    const std::string digits = std::to_string(value % 1000);
    return std::string(3 - digits.size(), '0') + digits;
  };
  std::string path = group(index);
  for (index /= 1000; index > 0; index /= 1000) {
    path.insert(0, "x" + group(index) + "/");
  }
  return width == kTileWidth ? path : path + ".p/" + std::to_string(width);
}

}  // namespace

std::string tile_path(unsigned level, std::uint64_t index, std::uint64_t width) {
  return "tile/" + std::to_string(level) + "/" + index_path(index, width);
}

std::string bundle_path(std::uint64_t index, std::uint64_t width) {
  return "tile/entries/" + index_path(index, width);
}

std::string checkpoint_path(std::uint64_t size) { return "checkpoints/" + std::to_string(size); }

void append_to_bundle(std::string& bundle, std::string_view entry) {
  if (entry.size() > entry::kMaxEntryBytes) {
    throw std::length_error("an entry is longer than 65,535 bytes");
  }
  bundle += static_cast<char>(entry.size() >> 8);
  bundle += static_cast<char>(entry.size() & 0xFF);
  bundle += entry;
}

bool read_bundle(std::string_view bytes, std::uint64_t width,
                 const std::function<void(std::string_view entry)>& visit) {
  for (; width > 0; --width) {
    if (bytes.size() < 2) {
      return false;
    }
    const std::size_t length =
        std::size_t{static_cast<std::uint8_t>(bytes[0])} << 8 | static_cast<std::uint8_t>(bytes[1]);
    if (bytes.size() - 2 < length) {
      return false;
    }
    visit(bytes.substr(2, length));
    bytes.remove_prefix(2 + length);
  }
  return bytes.empty();
}

}  // namespace chancery::exports
