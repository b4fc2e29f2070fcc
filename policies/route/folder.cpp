#include "policies/route/folder.h"

#include <algorithm>
#include <optional>
#include <system_error>
#include <vector>

namespace chancery::route {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFiles = 10'000;
constexpr std::string_view kSuffix = ".toml";

// A name as it can be printed: what is not plain ASCII is "?".
std::string shown(std::string name) {
  std::ranges::replace_if(
      name, [](char c) { return c < ' ' || c > '~'; }, '?');
  return name;
}

// Every name in the directory, sorted; nullopt after a mistake.
std::optional<std::vector<std::string>> list(const fs::path& path, toml::Mistakes& mistakes) {
  const auto give_up = [&](std::string message) {
    mistakes.push_back({path.string(), 1, 1, std::move(message)});
    return std::nullopt;
  };
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  if (status.type() == fs::file_type::not_found) {
    return give_up("there is no such directory: expected one, which may be empty");
  }
  if (status.type() != fs::file_type::directory) {
    return give_up("this is not a directory: expected one, and not a link to it");
  }
  std::vector<std::string> names;
  fs::directory_iterator entries(path, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    names.push_back(entries->path().filename().string());
    if (names.size() > kMaxFiles) {
      return give_up("there are too many files: expected at most 10,000");
    }
  }
  if (error) {
    return give_up("the directory cannot be read: " + error.message());
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

std::map<std::string, std::string> read_folder(const fs::path& directory, std::string_view folder,
                                               bool (*is_stem)(std::string_view), toml::Mistakes& mistakes) {
  std::map<std::string, std::string> files;
  const auto names = list(directory / folder, mistakes);
  for (const std::string& name : names.value_or(std::vector<std::string>())) {
    const std::string shown_name = (directory / folder / shown(name)).string();
    const bool suffixed = name.ends_with(kSuffix);
    const std::string stem = suffixed ? name.substr(0, name.size() - kSuffix.size()) : name;
    if (!suffixed || !is_stem(stem)) {
      mistakes.push_back({shown_name, 1, 1,
                          "this does not belong here: expected only files named after what they hold, " +
                              std::string(folder == "agreements" ? "REFERENCE.toml" : "ID.toml")});
    } else if (auto text = toml::read_text(directory / folder / name, shown_name, mistakes)) {
      files.emplace(stem, std::move(*text));
    }
  }
  return files;
}

}  // namespace chancery::route
