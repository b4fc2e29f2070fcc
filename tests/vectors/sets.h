#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>

// Where vectors made by others are found: a core of each set in tests/vectors, the whole sets in the folder
// that the environment variable CHANCERY_VECTORS names.
namespace chancery::vectors {

// The content of a file below tests/vectors.
inline std::string core(const std::string& path) {
  std::ifstream file(std::filesystem::path(CHANCERY_SOURCE_DIR) / "tests/vectors" / path, std::ios::binary);
  if (!file) {
    throw std::runtime_error("cannot read tests/vectors/" + path);
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

// The folder $CHANCERY_VECTORS/NAME; nullopt, for kNoWholeSet, where there is none.
inline std::optional<std::filesystem::path> whole_set(const std::string& name) {
  const char* named = std::getenv("CHANCERY_VECTORS");
  const std::filesystem::path folder = std::filesystem::path(named != nullptr ? named : "") / name;
  return named != nullptr && std::filesystem::is_directory(folder) ? std::optional(folder) : std::nullopt;
}

inline constexpr const char* kNoWholeSet =
    "the whole set is not here, only its core in tests/vectors was run: CHANCERY_VECTORS names no folder "
    "that has it";

}  // namespace chancery::vectors
