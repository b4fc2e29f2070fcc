#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

// Reading and writing whole files for commands that stream. "-" is standard input or output.
namespace chancery::cli {

// Output that appears under its name only when all of it is there: written to a temporary file beside it
// (mode 0600 as umask allows), synced and renamed by commit(); removed otherwise, also when SIGINT, SIGTERM
// or SIGHUP ends the program. One at a time in a process. Throws std::runtime_error naming the file.
class Output {
 public:
  explicit Output(std::string path);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void write(std::span<const std::uint8_t> bytes);
  void commit();
  bool to_standard_output() const { return path_ == "-"; }

 private:
  std::string path_;
  std::string temporary_;
  int descriptor_ = -1;
};

// Calls `take` with the file's bytes, a MiB at most at a time, and shows progress on standard error when that
// is a terminal and the output is not.
void read_through(const std::string& path, const std::string& verb,
                  const std::function<void(std::span<const std::uint8_t>)>& take);

// Creates a file that must not exist yet, with mode 0600. Throws std::runtime_error.
void write_new_private(const std::filesystem::path& path, const std::string& text);

}  // namespace chancery::cli
