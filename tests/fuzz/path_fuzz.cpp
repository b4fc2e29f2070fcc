// Any bytes as a path of the virtual tree: its absolute form has one spelling, nothing climbs out of it, and
// the place that it names is the place that its absolute form names, put together from the same words.
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/tree/place.h"
#include "tests/fuzz/require.h"

namespace {

using chancery::tree::Kind;

bool is_label(std::string_view text) {
  return !text.empty() && text != "." && text != ".." && text.find('/') == std::string_view::npos;
}

// The path that a place was read from; empty for those outside the tree.
std::string spelled(const chancery::tree::Place& place) {
  switch (place.kind) {
    case Kind::root:
      return "/";
    case Kind::readme:
      return "/README.txt";
    case Kind::send:
      return "/send";
    case Kind::collect:
      return "/collect";
    case Kind::receipts:
      return "/receipts";
    case Kind::send_route:
      return "/send/" + place.folder;
    case Kind::collect_route:
      return "/collect/" + place.folder;
    case Kind::receipts_month:
      return "/receipts/" + place.folder;
    case Kind::send_file:
      return "/send/" + place.folder + "/" + place.name;
    case Kind::collect_file:
      return "/collect/" + place.folder + "/" + place.name;
    case Kind::receipt:
      return "/receipts/" + place.folder + "/" + place.name;
    case Kind::log_keys:
      return "/receipts/log-keys";
    case Kind::log_keys_file:
      return "/receipts/log-keys/" + place.name;
    case Kind::audit:
      return "/audit" + (place.name.empty() ? "" : "/" + place.name);
    case Kind::nowhere:
      return "";
  }
  return "";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view path(reinterpret_cast<const char*>(data), size);
  const std::string absolute = chancery::tree::absolute(path);
  require(absolute.starts_with('/') && absolute.size() <= path.size() + 1);
  require(chancery::tree::absolute(absolute) == absolute);
  require(chancery::tree::absolute(absolute + "/x/..//.") == absolute);
  for (std::string_view rest = absolute; rest.size() > 1;) {
    rest.remove_prefix(1);
    const std::size_t end = std::min(rest.find('/'), rest.size());
    require(is_label(rest.substr(0, end)));
    rest.remove_prefix(end);
    require(rest != "/");
  }

  const auto place = chancery::tree::locate(path);
  const auto again = chancery::tree::locate(absolute);
  require(place.kind == again.kind && place.folder == again.folder && place.name == again.name);
  require(place.kind == Kind::nowhere || spelled(place) == absolute);
  require(place.folder.empty() || is_label(place.folder));
  require(place.name.empty() || place.kind == Kind::audit || is_label(place.name));
  return 0;
}
