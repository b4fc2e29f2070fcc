#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

#include <stdlib.h>

namespace chancery {

// Makes a folder for a test alone, whose name begins so; the test removes it.
inline std::filesystem::path make_temporary_folder(
    const std::string& name, const std::filesystem::path& parent = std::filesystem::temp_directory_path()) {
  std::string pattern = (parent / (name + "-XXXXXX")).string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
  return pattern;
}

}  // namespace chancery
