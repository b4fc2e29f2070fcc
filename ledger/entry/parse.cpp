#include <array>
#include <cstring>

#include "ledger/entry/entry.h"
#include "ledger/entry/grammar.h"

namespace chancery::entry {
namespace {

constexpr std::size_t kMaxSeqDigits = 19;

constexpr std::array<bool, 256> make_key_characters() {
  std::array<bool, 256> allowed{};
  for (const char c : std::string_view("abcdefghijklmnopqrstuvwxyz0123456789.-")) {
    allowed[static_cast<std::uint8_t>(c)] = true;
  }
  return allowed;
}

constexpr std::array<bool, 256> kKeyCharacters = make_key_characters();

// dec = "0" / nonzero *18digit, below 2^63
std::optional<std::uint64_t> parse_seq(std::string_view text) {
  if (text.empty() || text.size() > kMaxSeqDigits || (text.size() > 1 && text[0] == '0')) {
    return std::nullopt;
  }
  std::uint64_t value = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') {
      return std::nullopt;
    }
    value = value * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return value <= kMaxSeq ? std::optional(value) : std::nullopt;
}

// Goes through the lines of an entry and keeps the first error.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool done() const { return at_ == bytes_.size(); }
  bool next_starts_with(std::string_view prefix) const { return bytes_.substr(at_).starts_with(prefix); }
  const std::optional<ParseError>& error() const { return error_; }

  bool fail(std::string reason) {
    if (!error_) {
      error_ = ParseError{line_, std::move(reason)};
    }
    return false;
  }

  bool literal(std::string_view text) {
    line_ = at_;
    if (!next_starts_with(text)) {
      return fail("expected \"" + std::string(text.substr(0, text.find('\n'))) + "\"");
    }
    at_ += text.size();
    return true;
  }

  // The rest of the line.
  bool rest(std::string_view& value) {
    const std::size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) {
      return fail("the line does not end in a line feed");
    }
    value = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return true;
  }

  bool header(std::string_view name, std::string_view& value) { return literal(name) && rest(value); }

  // A line of key, space, value.
  bool field(std::string_view& key, std::string_view& value) {
    line_ = at_;
    std::string_view line;
    if (!rest(line)) {
      return false;
    }
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) {
      return fail("expected a key, a space and a value");
    }
    key = line.substr(0, space);
    value = line.substr(space + 1);
    return is_key(key) || fail("a key is 1 to 32 of a-z 0-9 . -");
  }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
  std::size_t line_ = 0;
  std::optional<ParseError> error_;
};

bool read_headers(Reader& reader, EntryView& view) {
  std::string_view text;
  if (!reader.literal(kMagic) || !reader.header("seq ", text)) {
    return false;
  }
  const auto seq = parse_seq(text);
  if (!seq) {
    return reader.fail("seq must be a decimal number below 2^63 without leading zeros");
  }
  view.seq = *seq;
  if (!reader.header("prev ", view.prev)) {
    return false;
  }
  if (!merkle::is_base64(view.prev)) {
    return reader.fail("prev must be 44 characters of canonical base64");
  }
  if (!reader.header("time ", text)) {
    return false;
  }
  const auto time = parse_time(text);
  if (!time) {
    return reader.fail("time must be YYYY-MM-DDThh:mm:ss.ffffffZ");
  }
  view.time = *time;
  if (!reader.header("id ", text)) {
    return false;
  }
  const auto id = id_from_hex(text);
  if (!id) {
    return reader.fail("id must be 32 lower-case hex digits");
  }
  view.id = *id;
  return reader.header("event ", view.event) &&
         (is_key(view.event) || reader.fail("an event's name is 1 to 32 of a-z 0-9 . -"));
}

bool read_fields(Reader& reader, EntryView& view) {
  std::string_view key;
  std::string_view value;
  while (!reader.done() && !reader.next_starts_with(kCommitmentPrefix)) {
    if (!reader.field(key, value)) {
      return false;
    }
    if (is_reserved(key)) {
      return reader.fail("a field may not have a header's key");
    }
    if (!is_value(value)) {
      return reader.fail("a value is 1 to 4096 printable ASCII characters without spaces");
    }
    if (!view.plain.empty() && view.plain.back().first >= key) {
      return reader.fail("fields must be in strictly ascending order");
    }
    view.plain.emplace_back(key, value);
  }
  while (!reader.done()) {
    if (!reader.literal(kCommitmentPrefix)) {
      return reader.fail("a plain field after a commitment");
    }
    if (!reader.field(key, value)) {
      return false;
    }
    if (!merkle::is_base64(value)) {
      return reader.fail("a commitment must be 44 characters of canonical base64");
    }
    if (!view.commitments.empty() && view.commitments.back().first >= key) {
      return reader.fail("commitments must be in strictly ascending order");
    }
    view.commitments.emplace_back(key, value);
  }
  return true;
}

}  // namespace

bool is_key(std::string_view text) {
  if (text.empty() || text.size() > kMaxKeyBytes) {
    return false;
  }
  bool allowed = true;
  for (const char c : text) {
    allowed = allowed && kKeyCharacters[static_cast<std::uint8_t>(c)];
  }
  return allowed;
}

bool is_value(std::string_view text) {
  if (text.empty() || text.size() > kMaxValueBytes) {
    return false;
  }
  unsigned outside = 0;
  for (const char c : text) {
    outside |= static_cast<unsigned>(static_cast<std::uint8_t>(c - 0x21) > 0x7E - 0x21);
  }
  return outside == 0;
}

std::optional<ParseError> parse_into(std::string_view bytes, EntryView& view) {
  view.plain.clear();
  view.commitments.clear();
  if (bytes.size() > kMaxEntryBytes) {
    return ParseError{kMaxEntryBytes, "an entry may have at most 65535 bytes"};
  }
  Reader reader(bytes);
  if (read_headers(reader, view) && read_fields(reader, view)) {
    return std::nullopt;
  }
  return reader.error();
}

std::variant<Entry, ParseError> parse(std::string_view bytes) {
  EntryView view;
  if (auto error = parse_into(bytes, view)) {
    return *std::move(error);
  }
  Entry entry;
  entry.seq = view.seq;
  entry.prev = *merkle::from_base64(view.prev);
  entry.time = view.time;
  entry.id = view.id;
  entry.event = view.event;
  for (const auto& [key, value] : view.plain) {
    entry.plain.emplace_hint(entry.plain.end(), key, value);
  }
  for (const auto& [key, value] : view.commitments) {
    entry.commitments.emplace_hint(entry.commitments.end(), key, *merkle::from_base64(value));
  }
  return entry;
}

}  // namespace chancery::entry
