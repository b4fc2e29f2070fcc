#include "ledger/opening/opening.h"

#include <algorithm>
#include <memory>
#include <stdexcept>

#include <botan/base64.h>
#include <botan/exceptn.h>
#include <botan/mac.h>
#include <botan/mem_ops.h>
#include <botan/system_rng.h>

#include "ledger/entry/seqs.h"
#include "ledger/opening/length.h"

namespace chancery::opening {
namespace {

constexpr std::string_view kCommitLabel = "chancery/commit/v1";
constexpr std::string_view kLinePrefix = "open ";

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

void append_with_length(std::vector<std::uint8_t>& out, std::span<const std::uint8_t> bytes) {
  append_length(out, bytes.size());
  out.insert(out.end(), bytes.begin(), bytes.end());
}

std::optional<std::string> decode(std::string_view text) {
  try {
    const auto decoded = Botan::base64_decode(text, false);
    if (Botan::base64_encode(decoded) == text) {
      return std::string(decoded.begin(), decoded.end());
    }
  } catch (const Botan::Exception&) {  // not base64: an ordinary answer here
  }
  return std::nullopt;
}

// Takes what stands before the next space; nullopt if there is none.
std::optional<std::string_view> take_word(std::string_view& rest) {
  const std::size_t space = rest.find(' ');
  if (space == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view word = rest.substr(0, space);
  rest.remove_prefix(space + 1);
  return word;
}

}  // namespace

Hash commitment(const Opening& opening, std::string_view origin, const entry::EventId& id,
                std::string_view field) {
  thread_local const auto mac = Botan::MessageAuthenticationCode::create_or_throw("HMAC(SHA-256)");
  thread_local std::vector<std::uint8_t>
      before_value;  // many small updates would cost as much as the hashing
  before_value.clear();
  append_with_length(before_value, bytes_of(kCommitLabel));
  append_with_length(before_value, bytes_of(origin));
  append_with_length(before_value, id);
  append_with_length(before_value, bytes_of(field));
  append_length(before_value, opening.value.size());
  mac->set_key(opening.salt.data(), opening.salt.size());
  mac->update(before_value);
  mac->update(bytes_of(opening.value));
  Hash result;
  mac->final(result.data());
  mac->clear();
  return result;
}

bool opens(const Opening& opening, const Hash& expected, std::string_view origin, const entry::EventId& id,
           std::string_view field) {
  return commitment(opening, origin, id, field) == expected;
}

std::string format_line(const OpeningLine& line) {
  const auto value = bytes_of(line.opening.value);
  return std::string(kLinePrefix) + std::to_string(line.seq) + " " + line.field + " " +
         Botan::base64_encode(line.opening.salt) + " " + Botan::base64_encode(value) + "\n";
}

std::optional<OpeningLine> parse_line(std::string_view line) {
  if (line.ends_with('\n')) {
    line.remove_suffix(1);
  }
  if (!line.starts_with(kLinePrefix)) {
    return std::nullopt;
  }
  line.remove_prefix(kLinePrefix.size());
  const auto seq_text = take_word(line);
  const auto field = take_word(line);
  const auto salt_text = take_word(line);
  if (!seq_text || !field || !salt_text) {
    return std::nullopt;
  }
  const auto seq = entry::parse_number(*seq_text);
  const auto salt = decode(*salt_text);
  auto value = decode(line);
  OpeningLine result;
  if (!seq || !entry::is_key(*field) || !salt || salt->size() != result.opening.salt.size() || !value) {
    return std::nullopt;
  }
  result.seq = *seq;
  result.field = *field;
  std::copy(salt->begin(), salt->end(), result.opening.salt.begin());
  result.opening.value = *std::move(value);
  return result;
}

EpochKey EpochKey::generate() {
  std::array<std::uint8_t, 32> bytes;
  Botan::system_rng().randomize(bytes.data(), bytes.size());
  EpochKey key(bytes);
  Botan::secure_scrub_memory(bytes.data(), bytes.size());
  return key;
}

EpochKey::EpochKey(std::span<const std::uint8_t> bytes) {
  if (bytes.size() != bytes_.size()) {
    throw std::invalid_argument("an epoch key has 32 bytes");
  }
  std::copy(bytes.begin(), bytes.end(), bytes_.begin());
}

EpochKey::~EpochKey() { Botan::secure_scrub_memory(bytes_.data(), bytes_.size()); }

}  // namespace chancery::opening
