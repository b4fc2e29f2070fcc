#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// TOML files read strictly: every mistake is a located sentence, every key must be known. The only home of
// <toml++>.
namespace chancery::toml {

// One mistake in one file: what stands there and what was expected. Lines and columns count from 1.
struct Mistake {
  std::string file;
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  std::string message;

  std::string text() const;  // FILE:LINE:COLUMN: MESSAGE
};

using Mistakes = std::vector<Mistake>;

// By file, then line, then column; what was reported twice is kept once.
void sort_mistakes(Mistakes& mistakes);

// The whole of a regular file of at most 1 MiB, not followed if it is a symbolic link; nullopt after
// reporting a mistake at line 1.
std::optional<std::string> read_text(const std::filesystem::path& path, const std::string& shown_name,
                                     Mistakes& mistakes);

// A table being read: each accessor marks its key as known, and reports what is missing or of another type to
// the mistakes it was opened with. finish() reports every key that nobody asked for, with the nearest known
// one. Reading goes on after a mistake, so that one run finds them all. Strings hold no control characters
// and are not empty. A Table keeps its Document's content alive, but not the Mistakes. Not thread-safe.
class Table {
 public:
  ~Table();
  Table(Table&&) noexcept;

  std::string required_string(std::string_view key);  // "" after a mistake
  std::optional<std::string> optional_string(std::string_view key);
  std::string required_text(std::string_view key);  // a string that may hold line ends
  std::optional<std::int64_t> optional_integer(std::string_view key, std::int64_t least, std::int64_t most);
  // A string that is one of `allowed`.
  std::optional<std::string> optional_choice(std::string_view key, const std::vector<std::string>& allowed);
  // A number of bytes, 1 to `most`: an integer, or a string such as "5 GiB" or "500 MB".
  std::optional<std::uint64_t> optional_size(std::string_view key, std::uint64_t most);
  // A civil date written as a TOML local date, as "YYYY-MM-DD".
  std::optional<std::string> optional_date(std::string_view key);
  // The elements in order; one that is not a good string is reported and stands as "". Empty when there is no
  // such key.
  std::vector<std::string> strings(std::string_view key);
  // The same, and a mistake unless there are `least` to `most` of them, all different.
  std::vector<std::string> distinct_strings(std::string_view key, std::size_t least, std::size_t most);
  std::optional<Table> optional_table(std::string_view key);
  // An array of tables; an element that is not one is reported and stands as a table that is not valid().
  std::vector<Table> tables(std::string_view key);

  bool has(std::string_view key) const;
  // False for what stands in for a file that does not parse or a value that is no table: its accessors answer
  // nothing and report nothing.
  bool valid() const;

  // Reports a mistake at the value of `key`, or at the table's beginning when it has no such key.
  void mistake(std::string_view key, const std::string& message);
  // The same at element `index` of an array.
  void mistake(std::string_view key, std::size_t index, const std::string& message);

  void finish();

 private:
  friend class Document;
  struct State;
  explicit Table(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A whole file. Parse errors and unreadable files are mistakes too; root() of such a file is a table that is
// not valid().
class Document {
 public:
  static Document read(const std::filesystem::path& path, std::string shown_name, Mistakes& mistakes);
  static Document parse(std::string_view text, std::string shown_name, Mistakes& mistakes);
  ~Document();
  Document(Document&&) noexcept;

  bool valid() const;
  Table root();

 private:
  struct State;
  explicit Document(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace chancery::toml
