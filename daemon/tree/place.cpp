#include "daemon/tree/place.h"

#include <array>
#include <vector>

namespace chancery::tree {

namespace {

std::vector<std::string_view> components(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
  }
  return parts;
}

struct Branch {
  std::string_view name;
  Kind top, folder, file;
};

constexpr std::string_view kLogKeys = "log-keys";

constexpr std::array kBranches = {
    Branch{"send", Kind::send, Kind::send_route, Kind::send_file},
    Branch{"collect", Kind::collect, Kind::collect_route, Kind::collect_file},
    Branch{"receipts", Kind::receipts, Kind::receipts_month, Kind::receipt},
};

}  // namespace

std::string absolute(std::string_view path) {
  std::string result;
  for (const std::string_view part : components(path)) result.append("/").append(part);
  return result.empty() ? "/" : result;
}

Place locate(std::string_view path) {
  const auto parts = components(path);
  if (parts.empty()) return {Kind::root, {}, {}};
  if (parts.size() == 1 && parts[0] == "README.txt") return {Kind::readme, {}, "README.txt"};
  if (parts[0] == "receipts" && parts.size() > 1 && parts[1] == kLogKeys) {
    if (parts.size() == 2) return {Kind::log_keys, std::string(kLogKeys), {}};
    if (parts.size() == 3) return {Kind::log_keys_file, std::string(kLogKeys), std::string(parts[2])};
    return {};
  }
  if (parts[0] == "audit") {
    Place place{Kind::audit, {}, {}};
    for (std::size_t i = 1; i < parts.size(); ++i) place.name.append(i > 1 ? "/" : "").append(parts[i]);
    return place;
  }
  for (const Branch& branch : kBranches) {
    if (parts[0] != branch.name) continue;
    if (parts.size() == 1) return {branch.top, {}, {}};
    if (parts.size() == 2) return {branch.folder, std::string(parts[1]), {}};
    if (parts.size() == 3) return {branch.file, std::string(parts[1]), std::string(parts[2])};
  }
  return {};
}

}  // namespace chancery::tree
