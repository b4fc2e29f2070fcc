#pragma once

#include <memory>
#include <string>
#include <vector>

#include "policies/toml/document.h"
#include "policies/toml/tomlplusplus.h"

// What stands behind a Table; for document.cpp and table.cpp only.
namespace chancery::toml {

struct Table::State {
  std::shared_ptr<const ::toml::table> owner;  // keeps `table` alive
  const ::toml::table* table = nullptr;        // null: not valid()
  std::string file;
  Mistakes* mistakes = nullptr;
  ::toml::source_position begin{};
  std::vector<std::string> known;

  // The value of a key, which is known from now on; nullptr when there is none.
  const ::toml::node* find(std::string_view key);
  const ::toml::array* find_array(std::string_view key, std::string_view expected);
  // A good string at `node`, or nullopt after a mistake.
  std::optional<std::string> read_string(const ::toml::node& node, const std::string& what, bool line_ends);
  std::optional<std::string> string_of(std::string_view key, bool line_ends);
  void missing(std::string_view key, std::string_view expected);
  std::unique_ptr<State> inner(const ::toml::node& node) const;
};

// Adds a mistake at a position of toml++'s, which are 0 for what it made up itself. Characters of the message
// that cannot be seen become "?".
void report(Mistakes& mistakes, const std::string& file, ::toml::source_position at,
            const std::string& message);

}  // namespace chancery::toml
