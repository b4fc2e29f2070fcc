#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policies/seal/secret.h"

// The textual header of age.md: parsing by its ABNF, writing, and its MAC.
namespace chancery::seal {

struct Stanza {
  std::vector<std::string> arguments;  // at least one: the type
  std::vector<std::uint8_t> body;
};

struct Header {
  std::vector<Stanza> stanzas;
  std::string authenticated;  // the header's text up to and with "---"
  std::array<std::uint8_t, 32> mac{};
};

// Takes a header's bytes as they come.
class HeaderReader {
 public:
  // Consumes from the front of `bytes` up to the end of the header; true when it is whole. Throws OpenError
  // (header) at the first line that is not as the ABNF has it, or past kMaxHeader.
  bool read(std::span<const std::uint8_t>& bytes);

  const Header& header() const { return header_; }

 private:
  enum class Expect { version, stanza, body, done };

  void line(std::string_view text);
  void stanza_or_end(std::string_view text);
  void body(std::string_view text);

  Expect expect_ = Expect::version;
  std::string line_;
  std::string encoded_;  // the body of the stanza being read
  Header header_;
};

std::array<std::uint8_t, 32> header_mac(const FileKey& file_key, std::string_view authenticated);

// The whole header, with its MAC.
std::string write_header(std::span<const Stanza> stanzas, const FileKey& file_key);

}  // namespace chancery::seal
