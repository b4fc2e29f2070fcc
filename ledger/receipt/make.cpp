#include <algorithm>
#include <bit>

#include "ledger/entry/event_table.h"
#include "ledger/note/proof.h"
#include "ledger/receipt/receipt.h"

namespace chancery::receipt {
namespace {

constexpr std::size_t kHash = 44;  // in base64
constexpr std::size_t kTime = 27;
constexpr std::size_t kId = 32;

constexpr std::size_t base64_bytes(std::size_t bytes) { return (bytes + 2) / 3 * 4; }

// What a line of these words takes: each is followed by a space or by the line feed.
std::size_t line_bytes(std::initializer_list<std::size_t> words) {
  std::size_t bytes = 0;
  for (const std::size_t word : words) {
    bytes += word + 1;
  }
  return bytes;
}

std::size_t digits(std::uint64_t number) {
  std::size_t count = 1;
  for (; number > 9; number /= 10) {
    ++count;
  }
  return count;
}

// Of an event's row, nullptr for an event that is not known.
bool is_opened_to(const entry::EventRow* row, std::string_view field, unsigned parties) {
  if (row == nullptr) {
    return false;
  }
  const auto found = std::ranges::find(row->committed, field, &entry::CommittedField::key);
  return found != row->committed.end() && (found->opened_to & parties) != 0;
}

// How many hashes lead from a leaf to the root: one for each level on which the two paths to this leaf and to
// the last one differ, and above them one for each step to the right (RFC 9162 section 2.1.3).
std::size_t path_length(std::uint64_t index, std::uint64_t size) {
  const auto apart = static_cast<unsigned>(std::bit_width(index ^ (size - 1)));
  return apart + static_cast<std::size_t>(apart < 64 ? std::popcount(index >> apart) : 0);
}

}  // namespace

std::string format_openings(std::uint64_t seq, std::string_view event, const FieldOpenings& openings,
                            unsigned parties) {
  const entry::EventRow* row = entry::find_event(event);
  std::map<std::string_view, std::string> lines;
  for (const auto& [field, opening] : openings) {
    if (is_opened_to(row, field, parties)) {
      lines[field] = opening::format_line({seq, field, opening});
    }
  }
  std::string text;
  for (const auto& [field, line] : lines) {
    text += line;
  }
  return text;
}

std::size_t entry_bytes(std::uint64_t seq, const entry::EventView& event) {
  using std::string_view_literals::operator""sv;
  std::size_t bytes = line_bytes({"chancery/entry/v1"sv.size()}) + line_bytes({"seq"sv.size(), digits(seq)}) +
                      line_bytes({"prev"sv.size(), kHash}) + line_bytes({"time"sv.size(), kTime}) +
                      line_bytes({"id"sv.size(), kId}) + line_bytes({"event"sv.size(), event.name.size()});
  for (const auto& [key, value] : event.plain) {
    bytes += line_bytes({key.size(), value.size()});
  }
  if (const entry::EventRow* row = entry::find_event(event.name)) {
    for (const entry::CommittedField& field : row->committed) {
      bytes += line_bytes({"c."sv.size() + field.key.size(), kHash});
    }
  }
  return bytes;
}

std::size_t openings_bytes(std::uint64_t seq, const entry::EventView& event, unsigned parties) {
  using std::string_view_literals::operator""sv;
  const entry::EventRow* row = entry::find_event(event.name);
  std::size_t bytes = 0;
  for (const auto& [field, value] : event.committed) {
    if (is_opened_to(row, field, parties)) {
      bytes += line_bytes({"open"sv.size(), digits(seq), field.size(), kHash, base64_bytes(value.size())});
    }
  }
  return bytes;
}

std::size_t receipt_bytes(std::size_t entry_bytes, std::uint64_t seq, std::uint64_t size,
                          std::size_t note_bytes) {
  using std::string_view_literals::operator""sv;
  const std::size_t empty = note::Proof{{}, seq, {}, {}}.encode().size();
  return empty + line_bytes({"extra"sv.size(), base64_bytes(entry_bytes)}) +
         path_length(seq, size) * line_bytes({kHash}) + note_bytes;
}

}  // namespace chancery::receipt
