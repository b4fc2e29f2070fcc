#pragma once

#include <span>
#include <string_view>

namespace chancery::exports {

// What is the same in every export: the page that says what it is, and the program that checks it.
struct Document {
  std::string_view name;
  std::string_view bytes;
};

// Built into the program.
std::span<const Document> documents();

}  // namespace chancery::exports
