#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policies/route/policy.h"

namespace chancery::route {

// Why an upload is refused; to_code() is the closed alphabet of the entry's field `code`.
enum class Refusal {
  none,
  unknown_route,  // no such route, or not one this agency may see: the same answer for both
  not_live,
  outside_agreement,  // the agreement's dates
  name_invalid,       // outside the rules for names
  name_not_accepted,
  too_large,
  finish_by_rename,  // the route takes files only out of a temporary name
};
std::string_view to_code(Refusal refusal);

// A yes or a no, always with its reason in words that a stranger can act on.
struct Decision {
  Refusal refusal = Refusal::none;
  std::string reason;
  bool allowed() const { return refusal == Refusal::none; }
};

// What is to be decided. `name` is the final name; while an upload has a temporary one its stem is judged for
// validity only (`temporary`).
struct Upload {
  std::string_view agency;
  std::string_view route;
  std::string_view name;
  bool temporary = false;
  bool renamed = false;    // `name` is given by a rename out of a temporary one: satisfies finish = "rename"
  std::uint64_t size = 0;  // bytes so far
  std::int64_t now_seconds = 0;  // since 1970, UTC
};

// Deny by default. Pure.
[[nodiscard]] Decision decide(const Policy& policy, const Upload& upload);

// The part of it that is not about the file: whether files of this agency move on this route at that time. A
// no of the policy in force withdraws the route from uploads that began under an earlier one.
[[nodiscard]] Decision decide_route(const Policy& policy, std::string_view agency, std::string_view route,
                                    std::int64_t now_seconds);

// Names: 1 to 200 bytes of UTF-8 in NFC, not "." or "..", no slash or backslash or what looks like them, no
// white space at either end, no control, bidirectional, zero-width or unassigned characters (docs/policy.md,
// "Names"). Returns a sentence that does not repeat the name, or nullopt for a good one.
[[nodiscard]] std::optional<std::string> name_mistake(std::string_view name);

// NAME, if the file is the manifest NAME.sha256 of another on a route that finishes files by manifests. It is
// judged by the name it is of.
[[nodiscard]] std::optional<std::string_view> manifest_of(const Route& route, std::string_view name);

// Routes an agency sends on or receives from, whatever their state, in byte order of their ids.
std::vector<const Route*> routes_from(const Policy& policy, std::string_view agency);
std::vector<const Route*> routes_to(const Policy& policy, std::string_view agency);

}  // namespace chancery::route
