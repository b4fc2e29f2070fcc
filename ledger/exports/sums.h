#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "ledger/merkle/merkle.h"

// The file SHA256SUMS of an export. Pure.
namespace chancery::exports {

// Path from the export's folder -> SHA-256 of the file.
using Sums = std::map<std::string, merkle::Hash, std::less<>>;

// 64 lower-case digits.
std::string to_hex(const merkle::Hash& hash);

// Whether it is a path that may stand in SHA256SUMS: relative, printable ASCII, no empty element, none of `.`
// and `..`, no backslash.
[[nodiscard]] bool is_path(std::string_view path);

std::string format_sums(const Sums& sums);

// nullopt for anything but what format_sums() writes.
[[nodiscard]] std::optional<Sums> parse_sums(std::string_view text);

}  // namespace chancery::exports
