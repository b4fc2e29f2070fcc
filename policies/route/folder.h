#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "policies/toml/document.h"

namespace chancery::route {

// The bytes of every NAME.toml in `directory`/`folder`, by NAME in byte order. Whatever else is there, is not
// a regular file, cannot be read or is one too many is a mistake, and left out; `is_stem` says what NAME may
// be.
std::map<std::string, std::string> read_folder(const std::filesystem::path& directory,
                                               std::string_view folder, bool (*is_stem)(std::string_view),
                                               toml::Mistakes& mistakes);

}  // namespace chancery::route
