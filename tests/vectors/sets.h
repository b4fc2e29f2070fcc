#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>

// Where vectors made by others are found: a core in tests/vectors, the whole sets only on machines that have
// them.
namespace chancery::vectors {

// The content of a file below tests/vectors.
inline std::string core(const std::string& path) {
  std::ifstream file(std::filesystem::path(CHANCERY_SOURCE_DIR) / "tests/vectors" / path, std::ios::binary);
  if (!file) {
    throw std::runtime_error("cannot read tests/vectors/" + path);
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

// The folder of a whole set, or nullopt; prints which of the two it is.
inline std::optional<std::filesystem::path> whole_set(const std::string& name) {
  const char* named = std::getenv("CHANCERY_VECTORS");
  const std::filesystem::path folder =
      named != nullptr ? std::filesystem::path(named)
                       : std::filesystem::path(CHANCERY_SOURCE_DIR).parent_path() / "shared/vectors";
  if (std::filesystem::is_directory(folder / name)) {
    std::cout << "running the whole set " << name << "\n";
    return folder / name;
  }
  std::cout << "the whole set " << name << " is not here: only its core in tests/vectors was run\n";
  return std::nullopt;
}

}  // namespace chancery::vectors
