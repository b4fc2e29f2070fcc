#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <limits>
#include <utility>

#include "policies/text/code_point.h"
#include "policies/text/nearest.h"
#include "policies/text/unseen.h"
#include "policies/toml/table_state.h"

namespace chancery::toml {
namespace {

std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

// "a string", "an integer": what stands there, in TOML's words.
std::string_view kind_of(const ::toml::node& node) {
  switch (node.type()) {
    case ::toml::node_type::table:
      return "a table";
    case ::toml::node_type::array:
      return node.is_array_of_tables() ? "an array of tables" : "an array";
    case ::toml::node_type::string:
      return "a string";
    case ::toml::node_type::integer:
      return "an integer";
    case ::toml::node_type::floating_point:
      return "a floating-point number";
    case ::toml::node_type::boolean:
      return "a boolean";
    case ::toml::node_type::date:
      return "a date";
    case ::toml::node_type::time:
      return "a time";
    case ::toml::node_type::date_time:
      return "a date with a time";
    case ::toml::node_type::none:
      break;
  }
  return "nothing";
}

// A character that cannot be seen, or a line end where none is allowed.
std::optional<std::int32_t> unwanted_character(std::string_view text, bool line_ends) {
  for (std::size_t at = 0; at < text.size();) {
    const std::int32_t code = text::next_code_point(text, at);
    if (text::is_unseen(code) && !(line_ends && (code == '\n' || code == '\t'))) {
      return code;
    }
  }
  return std::nullopt;
}

std::string element(std::string_view key, std::size_t index) {
  return "element " + std::to_string(index + 1) + " of " + in_quotes(key);
}

std::string join(const std::vector<std::string>& words, std::string_view last) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    text += i == 0 ? "" : i + 1 == words.size() ? std::string(last) : ", ";
    text += words[i];
  }
  return text;
}

// "; did you mean ...", or which keys there are.
std::string hint(std::string_view key, const std::vector<std::string>& known) {
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  const std::string_view meant = text::nearest(key, candidates);
  return meant.empty() ? ": expected one of " + join(known, " or ")
                       : "; did you mean " + in_quotes(meant) + "?";
}

struct Unit {
  std::string_view name;
  std::uint64_t bytes;
};
constexpr std::array kUnits{
    Unit{"B", 1},
    Unit{"kB", 1000},
    Unit{"MB", 1000ULL * 1000},
    Unit{"GB", 1000ULL * 1000 * 1000},
    Unit{"TB", 1000ULL * 1000 * 1000 * 1000},
    Unit{"KiB", 1ULL << 10U},
    Unit{"MiB", 1ULL << 20U},
    Unit{"GiB", 1ULL << 30U},
    Unit{"TiB", 1ULL << 40U},
};

// nullopt unless it is a whole number, at most one space, and a unit.
std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.starts_with(' ')) {
    text.remove_prefix(1);
  }
  const auto unit = std::ranges::find(kUnits, text, &Unit::name);
  if (unit == kUnits.end() || number > std::numeric_limits<std::uint64_t>::max() / unit->bytes) {
    return std::nullopt;
  }
  return number * unit->bytes;
}

}  // namespace

void report(Mistakes& mistakes, const std::string& file, ::toml::source_position at,
            const std::string& message) {
  mistakes.push_back({file, std::max<std::uint32_t>(at.line, 1), std::max<std::uint32_t>(at.column, 1),
                      text::printable(message)});
}

const ::toml::node* Table::State::find(std::string_view key) {
  if (std::ranges::find(known, key) == known.end()) {
    known.emplace_back(key);
  }
  return table == nullptr ? nullptr : table->get(key);
}

const ::toml::array* Table::State::find_array(std::string_view key, std::string_view expected) {
  const ::toml::node* node = find(key);
  if (node == nullptr) {
    return nullptr;
  }
  if (!node->is_array()) {
    report(*mistakes, file, node->source().begin,
           in_quotes(key) + " is " + std::string(kind_of(*node)) + ": expected " + std::string(expected));
    return nullptr;
  }
  return node->as_array();
}

std::optional<std::string> Table::State::read_string(const ::toml::node& node, const std::string& what,
                                                     bool line_ends) {
  std::string mistake;
  if (!node.is_string()) {
    mistake = what + " is " + std::string(kind_of(node)) + ": expected a string";
  } else {
    const std::string& text = node.as_string()->get();
    const auto unwanted = unwanted_character(text, line_ends);
    if (text.empty()) {
      mistake = what + " is empty: expected some text";
    } else if (unwanted) {
      std::array<char, 16> code{};
      std::snprintf(code.data(), code.size(), "U+%04X", static_cast<unsigned>(*unwanted));
      mistake = what + " holds the control character " + code.data() + ": expected text that can be seen";
    } else {
      return text;
    }
  }
  report(*mistakes, file, node.source().begin, mistake);
  return std::nullopt;
}

std::optional<std::string> Table::State::string_of(std::string_view key, bool line_ends) {
  const ::toml::node* node = find(key);
  return node == nullptr ? std::nullopt : read_string(*node, in_quotes(key), line_ends);
}

void Table::State::missing(std::string_view key, std::string_view expected) {
  if (table != nullptr && !table->contains(key)) {
    report(*mistakes, file, begin,
           "the key " + in_quotes(key) + " is missing: expected " + std::string(expected));
  }
}

std::unique_ptr<Table::State> Table::State::inner(const ::toml::node& node) const {
  auto state = std::make_unique<State>();
  state->owner = owner;
  state->table = node.as_table();
  state->file = file;
  state->mistakes = mistakes;
  state->begin = node.source().begin;
  return state;
}

Table::Table(std::unique_ptr<State> state) : state_(std::move(state)) {}
Table::~Table() = default;
Table::Table(Table&&) noexcept = default;

bool Table::valid() const { return state_->table != nullptr; }

bool Table::has(std::string_view key) const { return valid() && state_->table->contains(key); }

std::string Table::required_string(std::string_view key) {
  state_->missing(key, "a string");
  return state_->string_of(key, false).value_or("");
}

std::string Table::required_text(std::string_view key) {
  state_->missing(key, "a string");
  return state_->string_of(key, true).value_or("");
}

std::optional<std::string> Table::optional_string(std::string_view key) {
  return state_->string_of(key, false);
}

std::optional<std::int64_t> Table::optional_integer(std::string_view key, std::int64_t least,
                                                    std::int64_t most) {
  const ::toml::node* node = state_->find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  const std::string expected =
      ": expected an integer from " + std::to_string(least) + " to " + std::to_string(most);
  if (!node->is_integer()) {
    mistake(key, in_quotes(key) + " is " + std::string(kind_of(*node)) + expected);
    return std::nullopt;
  }
  const std::int64_t number = node->as_integer()->get();
  if (number < least || number > most) {
    mistake(key, in_quotes(key) + " is " + std::to_string(number) + expected);
    return std::nullopt;
  }
  return number;
}

std::optional<std::string> Table::optional_choice(std::string_view key,
                                                  const std::vector<std::string>& allowed) {
  auto text = state_->string_of(key, false);
  if (text && std::ranges::find(allowed, *text) == allowed.end()) {
    mistake(key, in_quotes(key) + " is " + in_quotes(*text) + ": expected " + join(allowed, " or "));
    return std::nullopt;
  }
  return text;
}

std::optional<std::uint64_t> Table::optional_size(std::string_view key, std::uint64_t most) {
  const ::toml::node* node = state_->find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  std::optional<std::uint64_t> bytes;
  if (node->is_integer() && node->as_integer()->get() >= 0) {
    bytes = static_cast<std::uint64_t>(node->as_integer()->get());
  } else if (node->is_string()) {
    bytes = parse_size(node->as_string()->get());
  }
  if (!bytes || *bytes == 0 || *bytes > most) {
    mistake(key, in_quotes(key) + " is not a size: expected bytes from 1 to " + std::to_string(most) +
                     " as an integer, or a string such as \"500 MB\" or \"5 GiB\"");
    return std::nullopt;
  }
  return bytes;
}

std::optional<std::string> Table::optional_date(std::string_view key) {
  const ::toml::node* node = state_->find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  if (!node->is_date()) {
    mistake(key, in_quotes(key) + " is " + std::string(kind_of(*node)) +
                     ": expected a date without quotes or time, such as 2026-11-01");
    return std::nullopt;
  }
  const ::toml::date date = node->as_date()->get();
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04u-%02u-%02u", unsigned{date.year}, unsigned{date.month},
                unsigned{date.day});
  return text.data();
}

std::vector<std::string> Table::strings(std::string_view key) {
  std::vector<std::string> texts;
  const ::toml::array* array = state_->find_array(key, "an array of strings");
  if (array == nullptr) {
    return texts;
  }
  for (std::size_t i = 0; i < array->size(); ++i) {
    texts.push_back(state_->read_string(*array->get(i), element(key, i), false).value_or(""));
  }
  return texts;
}

std::vector<std::string> Table::distinct_strings(std::string_view key, std::size_t least, std::size_t most) {
  if (least > 0) {
    state_->missing(key, "an array of strings");
  }
  std::vector<std::string> texts = strings(key);
  const bool counted = has(key) && state_->table->get(key)->is_array();
  if (counted && (texts.size() < least || texts.size() > most)) {
    mistake(key, in_quotes(key) + " has " + std::to_string(texts.size()) + " elements: expected " +
                     std::to_string(least) + " to " + std::to_string(most));
    texts.resize(std::min(texts.size(), most));
  }
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto here = texts.begin() + static_cast<std::ptrdiff_t>(i);
    const auto first = std::find(texts.begin(), here, texts[i]);
    if (!texts[i].empty() && first != here) {  // without the text, which may be a secret in a wrong place
      mistake(key, i,
              element(key, i) + " repeats element " + std::to_string(first - texts.begin() + 1) +
                  ": expected it once");
    }
  }
  return texts;
}

std::optional<Table> Table::optional_table(std::string_view key) {
  const ::toml::node* node = state_->find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  if (!node->is_table()) {
    mistake(key, in_quotes(key) + " is " + std::string(kind_of(*node)) + ": expected a table, [" +
                     std::string(key) + "]");
    return std::nullopt;
  }
  return Table(state_->inner(*node));
}

std::vector<Table> Table::tables(std::string_view key) {
  std::vector<Table> inner;
  const std::string expected = "an array of tables, [[" + std::string(key) + "]]";
  const ::toml::array* array = state_->find_array(key, expected);
  if (array == nullptr) {
    return inner;
  }
  for (std::size_t i = 0; i < array->size(); ++i) {
    const ::toml::node& node = *array->get(i);
    if (!node.is_table()) {
      mistake(key, i, element(key, i) + " is " + std::string(kind_of(node)) + ": expected " + expected);
    }
    inner.push_back(Table(state_->inner(node)));
  }
  return inner;
}

void Table::mistake(std::string_view key, const std::string& message) {
  if (!valid()) {
    return;
  }
  const ::toml::node* node = state_->table->get(key);
  report(*state_->mistakes, state_->file, node == nullptr ? state_->begin : node->source().begin, message);
}

void Table::mistake(std::string_view key, std::size_t index, const std::string& message) {
  const ::toml::node* node = valid() ? state_->table->get(key) : nullptr;
  const ::toml::array* array = node == nullptr ? nullptr : node->as_array();
  if (array == nullptr || index >= array->size()) {
    mistake(key, message);
    return;
  }
  report(*state_->mistakes, state_->file, array->get(index)->source().begin, message);
}

void Table::finish() {
  if (!valid()) {
    return;
  }
  for (const auto& [key, value] : *state_->table) {
    if (std::ranges::find(state_->known, key.str()) == state_->known.end()) {
      report(*state_->mistakes, state_->file, key.source().begin,
             "unknown key " + in_quotes(key.str()) + hint(key.str(), state_->known));
    }
  }
}

}  // namespace chancery::toml
