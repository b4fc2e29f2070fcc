#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

// ASCII armor as age.md restricts RFC 7468: canonical base64 in full lines of 64 columns, nothing but
// whitespace around it. Line ends may be LF or CRLF.
namespace chancery::seal {

class ArmorReader {
 public:
  // `sink` gets the bytes inside, in order. Its exceptions pass through.
  explicit ArmorReader(std::function<void(std::span<const std::uint8_t>)> sink) : sink_(std::move(sink)) {}

  // Both throw OpenError (armor).
  void update(std::span<const std::uint8_t> text);
  void finish() const;

 private:
  enum class Expect { begin, full_line, end, only_space };

  void take(std::string_view text);
  void line(std::string_view text);

  Expect expect_ = Expect::begin;
  std::string pending_;  // a line not yet whole
  std::function<void(std::span<const std::uint8_t>)> sink_;
};

}  // namespace chancery::seal
