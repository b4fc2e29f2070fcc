// Frames of the ledger service: whatever is accepted is exactly what would be sent.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "ledger/service/frame.h"

using namespace chancery::service;

template <typename Parsed>
static void check(const std::optional<Parsed>& parsed, const std::uint8_t* data, std::size_t size) {
  if (!parsed) return;
  const std::string frame = encode(*parsed);
  if (frame.size() != size + kPrefixBytes) std::abort();
  if (std::memcmp(frame.data() + kPrefixBytes, data, size) != 0) std::abort();
}

// The two readings of a page of entries agree.
static void check_entries(const std::uint8_t* data, std::size_t size) {
  std::vector<StoredEntry> visited;
  const bool whole = visit_entries({data, size}, [&](const EntryView& one) {
    StoredEntry& entry = visited.emplace_back(StoredEntry{std::string(one.text), {}});
    for (const auto& [field, value] : one.details)
      entry.openings.push_back({std::string(field), {{}, std::string(value)}});
  });
  auto parsed = parse_reply({data, size});
  auto* const reply = parsed ? std::get_if<EntriesReply>(&parsed->answer) : nullptr;
  if (whole != (reply != nullptr)) std::abort();
  if (!whole) return;
  if (parse_head({data, size})->id != parsed->id || !parse_head({data, size})->entries) std::abort();
  for (StoredEntry& entry : reply->entries)
    for (auto& [field, opening] : entry.openings) opening.salt = {};
  if (encode(Reply{1, *reply}) != encode(Reply{1, EntriesReply{visited}})) std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check(parse_request({data, size}), data, size);
  check(parse_reply({data, size}), data, size);
  check_entries(data, size);
  return 0;
}
