#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

// Names and bytes of the files of an export (C2SP tlog-tiles; docs/ledger-format.md, "Export"). Pure.
namespace chancery::exports {

inline constexpr std::uint64_t kTileWidth = 256;  // entries of a full bundle, hashes of a full tile
inline constexpr std::size_t kHashBytes = 32;
inline constexpr std::size_t kMaxBundleBytes = kTileWidth * (2 + 65535);

inline constexpr std::size_t kMaxSums = std::size_t{1} << 30;  // bytes of the longest SHA256SUMS that is read

inline constexpr const char* kCheckpoint = "checkpoint";
inline constexpr const char* kSums = "SHA256SUMS";
inline constexpr const char* kLogPolicy = "log-policy";
inline constexpr const char* kLogPolicyEd25519 = "log-policy.ed25519";

// The path of tile `index` of a level, or of a bundle; `width` below 256 is that of a partial one.
std::string tile_path(unsigned level, std::uint64_t index, std::uint64_t width = kTileWidth);
std::string bundle_path(std::uint64_t index, std::uint64_t width = kTileWidth);
std::string checkpoint_path(std::uint64_t size);

// Appends an entry (at most 65,535 bytes) to a bundle.
void append_to_bundle(std::string& bundle, std::string_view entry);

// Calls `visit` for the entries of a bundle of `width`. False, after the entries that are whole, unless there
// are exactly that many and nothing else.
[[nodiscard]] bool read_bundle(std::string_view bytes, std::uint64_t width,
                               const std::function<void(std::string_view entry)>& visit);

}  // namespace chancery::exports
