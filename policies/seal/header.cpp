#include "policies/seal/header.h"

#include <algorithm>

#include "policies/seal/primitives.h"
#include "policies/seal/seal.h"

namespace chancery::seal {
namespace {

constexpr std::string_view kVersion = "age-encryption.org/v1";
constexpr std::size_t kColumns = 64;

[[noreturn]] void bad(const std::string& what) { throw OpenError(Failure::header, "the header " + what); }

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find(' ', start), text.size());
    words.emplace_back(text.substr(start, end - start));
    start = end + 1;
  }
  return words;
}

bool is_argument(const std::string& word) {
  return !word.empty() && std::ranges::all_of(word, [](char c) { return c >= 33 && c <= 126; });
}

}  // namespace

bool HeaderReader::read(std::span<const std::uint8_t>& bytes) {
  while (expect_ != Expect::done && !bytes.empty()) {
    const auto end = std::ranges::find(bytes, std::uint8_t{'\n'});
    const auto length = static_cast<std::size_t>(end - bytes.begin());
    if (header_.authenticated.size() + line_.size() + length > kMaxHeader) {
      bad("is longer than 1 MiB");
    }
    line_.append(bytes.begin(), end);
    if (end == bytes.end()) {
      bytes = {};
      break;
    }
    bytes = bytes.subspan(length + 1);
    line(line_);
    line_.clear();
  }
  return expect_ == Expect::done;
}

void HeaderReader::line(std::string_view text) {
  switch (expect_) {
    case Expect::version:
      if (text != kVersion) {
        bad("names a version other than age-encryption.org/v1");
      }
      expect_ = Expect::stanza;
      break;
    case Expect::stanza:
      stanza_or_end(text);
      break;
    case Expect::body:
      body(text);
      break;
    case Expect::done:
      return;
  }
  if (expect_ != Expect::done) {
    header_.authenticated.append(text).append("\n");
  }
}

void HeaderReader::stanza_or_end(std::string_view text) {
  if (text.starts_with("-> ")) {
    Stanza stanza{split(text.substr(3)), {}};
    if (!std::ranges::all_of(stanza.arguments, is_argument)) {
      bad("has a stanza with a malformed argument");
    }
    header_.stanzas.push_back(std::move(stanza));
    encoded_.clear();
    expect_ = Expect::body;
    return;
  }
  if (!text.starts_with("--- ") || header_.stanzas.empty()) {
    bad("has a line that neither begins a stanza nor ends the header");
  }
  const auto mac = base64_decode(text.substr(4));
  if (!mac || mac->size() != header_.mac.size()) {
    bad("ends with a malformed MAC");
  }
  std::ranges::copy(*mac, header_.mac.begin());
  header_.authenticated += "---";
  expect_ = Expect::done;
}

void HeaderReader::body(std::string_view text) {
  if (text.size() > kColumns) {
    bad("has a stanza with a line of more than 64 columns");
  }
  encoded_ += text;
  if (text.size() == kColumns) {
    return;
  }
  auto bytes = base64_decode(encoded_);
  if (!bytes) {
    bad("has a stanza whose body is not canonical base64");
  }
  header_.stanzas.back().body = std::move(*bytes);
  expect_ = Expect::stanza;
}

std::array<std::uint8_t, 32> header_mac(const FileKey& file_key, std::string_view authenticated) {
  return hmac_sha256(hkdf(file_key.bytes, {}, "header"), authenticated);
}

std::string write_header(std::span<const Stanza> stanzas, const FileKey& file_key) {
  std::string text = std::string(kVersion) + "\n";
  for (const Stanza& stanza : stanzas) {
    text += "->";
    for (const std::string& argument : stanza.arguments) {
      text += " " + argument;
    }
    const std::string encoded = base64(stanza.body);
    for (std::size_t start = 0; start <= encoded.size(); start += kColumns) {
      text += "\n" + encoded.substr(start, kColumns);
    }
    text += "\n";
  }
  text += "---";
  return text + " " + base64(header_mac(file_key, text)) + "\n";
}

}  // namespace chancery::seal
