#include "ledger/entry/entry.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include <boost/endian/conversion.hpp>
#include <botan/hex.h>
#include <botan/system_rng.h>

#include "ledger/entry/grammar.h"

namespace chancery::entry {
namespace {

constexpr Micros kDay = Micros{86'400} * 1'000'000;
constexpr std::string_view kTimePattern = "0000-00-00T00:00:00.000000Z";

void append_digits(std::string& out, std::int64_t value, int digits) {
  std::string text(static_cast<std::size_t>(digits), '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, value /= 10) {
    *digit = static_cast<char>('0' + value % 10);
  }
  out += text;
}

// The number at `at`, whose `digits` characters are known to be digits.
unsigned digits_at(std::string_view text, std::size_t at, std::size_t digits) {
  unsigned value = 0;
  for (const char digit : text.substr(at, digits)) {
    value = value * 10 + static_cast<unsigned>(digit - '0');
  }
  return value;
}

bool has_time_pattern(std::string_view text) {
  if (text.size() != kTimePattern.size()) {
    return false;
  }
  return std::equal(text.begin(), text.end(), kTimePattern.begin(), [](char have, char want) {
    return want == '0' ? have >= '0' && have <= '9' : have == want;
  });
}

void require(bool condition, const char* message, std::string_view what) {
  if (!condition) {
    throw std::invalid_argument(std::string(message) + ": " + std::string(what.substr(0, 64)));
  }
}

std::optional<std::string_view> value_of(const EventView::Fields& fields, std::string_view key) {
  const auto found =
      std::find_if(fields.begin(), fields.end(), [&](const auto& field) { return field.first == key; });
  return found == fields.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

EventId new_id() {
  using namespace std::chrono;
  const auto now = duration_cast<nanoseconds>(system_clock::now().time_since_epoch()).count();
  const auto millis = static_cast<std::uint64_t>(now / 1'000'000);
  const auto fraction = static_cast<std::uint64_t>(now % 1'000'000) * 4096 / 1'000'000;
  EventId id;
  Botan::system_rng().randomize(id.data() + 8, 8);
  boost::endian::store_big_u64(id.data(), (millis << 16) | 0x7000 | fraction);  // version 7
  id[8] = static_cast<std::uint8_t>((id[8] & 0x3F) | 0x80);                     // the RFC's variant
  return id;
}

std::string to_hex(const EventId& id) { return Botan::hex_encode(id.data(), id.size(), false); }

std::optional<EventId> id_from_hex(std::string_view hex) {
  EventId id;
  if (hex.size() != 2 * id.size()) {
    return std::nullopt;
  }
  unsigned all = 0;
  for (std::size_t i = 0; i < id.size(); ++i) {
    const std::uint8_t high = kHexValues[static_cast<std::uint8_t>(hex[2 * i])];
    const std::uint8_t low = kHexValues[static_cast<std::uint8_t>(hex[2 * i + 1])];
    all |= static_cast<unsigned>(high | low);
    id[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  if (all > 15) {
    return std::nullopt;
  }
  return id;
}

std::string format_time(Micros time) {
  using std::chrono::days, std::chrono::sys_days, std::chrono::year_month_day;
  const year_month_day date{sys_days{days{time / kDay}}};
  if (time < 0 || int{date.year()} > 9999) {
    throw std::invalid_argument("an entry's time must lie between the years 1970 and 9999");
  }
  const Micros in_day = time % kDay;
  std::string text;
  text.reserve(kTimePattern.size());
  append_digits(text, int{date.year()}, 4);
  text += '-';
  append_digits(text, unsigned{date.month()}, 2);
  text += '-';
  append_digits(text, unsigned{date.day()}, 2);
  text += 'T';
  append_digits(text, in_day / 3'600'000'000, 2);
  text += ':';
  append_digits(text, in_day / 60'000'000 % 60, 2);
  text += ':';
  append_digits(text, in_day / 1'000'000 % 60, 2);
  text += '.';
  append_digits(text, in_day % 1'000'000, 6);
  text += 'Z';
  return text;
}

std::optional<Micros> parse_time(std::string_view text) {
  using std::chrono::day, std::chrono::month, std::chrono::sys_days, std::chrono::year;
  if (!has_time_pattern(text)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{year{static_cast<int>(digits_at(text, 0, 4))},
                                         month{digits_at(text, 5, 2)}, day{digits_at(text, 8, 2)}};
  const unsigned hour = digits_at(text, 11, 2);
  const unsigned minute = digits_at(text, 14, 2);
  const unsigned second = digits_at(text, 17, 2);
  if (!date.ok() || date.year() < year{1970} || hour > 23 || minute > 59 || second > 59) {
    return std::nullopt;
  }
  const Micros seconds = Micros{hour} * 3600 + Micros{minute} * 60 + second;
  return sys_days{date}.time_since_epoch().count() * kDay + seconds * 1'000'000 + digits_at(text, 20, 6);
}

std::string head_text(std::uint64_t seq, const Hash& prev, Micros time) {
  require(seq <= kMaxSeq, "the sequence number is too large", "");
  std::string out;
  out.reserve(kMaxHeadBytes);
  out.append(kMagic).append("seq ").append(std::to_string(seq));
  out.append("\nprev ").append(merkle::to_base64(prev)).append("\ntime ").append(format_time(time));
  return out += '\n';
}

std::string Entry::body() const {
  require(is_key(event), "not an event's name", event);
  std::string out = "id " + to_hex(id) + "\nevent " + event + "\n";
  for (const auto& [key, value] : plain) {
    require(is_key(key) && !is_reserved(key), "not a plain field's key", key);
    require(is_value(value), "not a plain field's value (printable ASCII without spaces)", key);
    out.append(key).append(1, ' ').append(value).append(1, '\n');
  }
  for (const auto& [key, hash] : commitments) {
    require(is_key(key), "not a committed field's key", key);
    out.append(kCommitmentPrefix).append(key).append(1, ' ').append(merkle::to_base64(hash)).append(1, '\n');
  }
  return out;
}

std::string Entry::text() const {
  std::string out = head_text(seq, prev, time) + body();
  if (out.size() > kMaxEntryBytes) {
    throw std::length_error("an entry may have at most 65535 bytes; this one has " +
                            std::to_string(out.size()));
  }
  return out;
}

EventView::EventView(const Event& event)
    : id(event.id),
      name(event.name),
      plain(event.plain.begin(), event.plain.end()),
      committed(event.committed.begin(), event.committed.end()) {}

std::optional<std::string_view> EventView::plain_value(std::string_view key) const {
  return value_of(plain, key);
}

std::optional<std::string_view> EventView::committed_value(std::string_view key) const {
  return value_of(committed, key);
}

std::optional<std::string_view> EntryView::plain_value(std::string_view key) const {
  return value_of(plain, key);
}

Hash genesis_prev(std::string_view origin) {
  std::string bytes = "chancery/genesis/v1";
  bytes += '\0';
  bytes += origin;
  return merkle::sha256_of(bytes);
}

}  // namespace chancery::entry
