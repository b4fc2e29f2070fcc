#include "policies/route/pattern.h"

#include <cstddef>
#include <cstdint>

#include "policies/text/code_point.h"

namespace chancery::route {
namespace {

constexpr std::size_t kMaxPatternBytes = 1024;

// A set's answer for one code point, and where the pattern goes on after its "]". `at` is behind the "[".
struct SetAnswer {
  bool holds = false;
  std::size_t end = 0;
};
SetAnswer ask_set(std::string_view pattern, std::size_t at, std::int32_t code) {
  const bool negated = pattern[at] == '!';
  at += negated ? std::size_t{1} : 0;
  bool found = false;
  while (pattern[at] != ']') {
    const std::int32_t first = text::next_code_point(pattern, at);
    std::int32_t last = first;
    if (pattern[at] == '-' && pattern[at + 1] != ']') {
      last = text::next_code_point(pattern, ++at);
    }
    found = found || (code >= first && code <= last);
  }
  return {found != negated, at + 1};
}

// Checks a set from behind its "[" and moves `at` behind its "]".
std::optional<std::string> set_mistake(std::string_view pattern, std::size_t& at) {
  const std::size_t end = pattern.find(']', at);
  if (end == std::string_view::npos) {
    return "\"[\" has no \"]\": expected a set such as [a-z]";
  }
  at += pattern[at] == '!' ? std::size_t{1} : 0;
  if (at == end) {
    return "an empty set: expected characters between \"[\" and \"]\"";
  }
  while (at < end) {
    const std::int32_t first = text::next_code_point(pattern, at);
    if (first < 0) {
      return "bytes that are not UTF-8: expected UTF-8";
    }
    if (first == '[' || first == '-') {
      return "\"[\" or \"-\" as a member of a set: expected letters, digits or other characters, or a range "
             "such as a-z";
    }
    if (at + 1 < end && pattern[at] == '-') {
      const std::int32_t last = text::next_code_point(pattern, ++at);
      if (last < first) {  // also bytes that are not UTF-8
        return "a range that runs backwards: expected the lower character first";
      }
    }
  }
  ++at;
  return std::nullopt;
}

}  // namespace

std::optional<std::string> pattern_mistake(std::string_view pattern) {
  if (pattern.empty() || pattern.size() > kMaxPatternBytes) {
    return "a pattern of " + std::to_string(pattern.size()) + " bytes: expected 1 to 1024";
  }
  std::size_t at = 0;
  while (at < pattern.size()) {
    const std::int32_t code = text::next_code_point(pattern, at);
    if (code < 0) {
      return "bytes that are not UTF-8: expected UTF-8";
    }
    if (code == '/' || code == '\\') {
      return "\"/\" or \"\\\" in a pattern: expected a pattern of file names, which never hold them";
    }
    if (code == ']') {
      return "\"]\" without \"[\": expected a set such as [a-z]";
    }
    if (code == '[') {
      if (auto mistake = set_mistake(pattern, at)) {
        return mistake;
      }
    }
  }
  return std::nullopt;
}

// Without recursion: after a mismatch only the last "*" can take one character more.
bool matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;  // behind the last "*" met
  std::size_t taken = 0;                      // where in the name that star's rest is being tried
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      taken = n;
      continue;
    }
    std::size_t after_name = n;
    const std::int32_t code = text::next_code_point(name, after_name);
    std::size_t after_pattern = p;
    bool same = false;
    if (p < pattern.size()) {
      const std::int32_t wanted = text::next_code_point(pattern, after_pattern);
      same = wanted == '?' || wanted == code;
      if (wanted == '[') {
        const SetAnswer answer = ask_set(pattern, p + 1, code);
        same = answer.holds;
        after_pattern = answer.end;
      }
    }
    if (same) {
      p = after_pattern;
      n = after_name;
    } else if (star != std::string_view::npos) {
      text::next_code_point(name, taken);
      n = taken;
      p = star;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace chancery::route
