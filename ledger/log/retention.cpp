#include "ledger/log/retention.h"

#include <botan/hex.h>

#include "ledger/log/log.h"

namespace chancery::log {
namespace {

constexpr entry::Micros kHour = entry::Micros{3600} * 1'000'000;
constexpr entry::Micros kKeepAll = 24 * kHour;

std::string sha256_in_hex(std::string_view bytes) {
  return Botan::hex_encode(merkle::sha256_of(bytes), false);
}

}  // namespace

// An anchor directly follows the entries of the checkpoint that it pins; only a clock.stepped may come
// between.
bool is_anchored(const store::Snapshot& snapshot, std::uint64_t size, std::optional<std::string_view> note) {
  entry::EntryView view;
  for (std::uint64_t seq = size; seq < snapshot.size() && seq < size + 2; ++seq) {
    if (entry::parse_into(snapshot.entry(seq), view)) return true;  // damaged: nothing is dropped for that
    if (view.event == "log.anchor") {
      return view.plain_value("size") == std::to_string(size) &&
             (!note || view.plain_value("note-sha256") == sha256_in_hex(*note));
    }
    if (view.event != "clock.stepped") return false;
  }
  return false;
}

std::vector<store::CheckpointName> Retention::due(const store::Snapshot& snapshot, entry::Micros now) {
  std::vector<store::CheckpointName> dropped;
  const auto newest = snapshot.newest_checkpoint();
  if (!newest) return dropped;
  std::size_t left = kMaxBatch;
  snapshot.visit_checkpoints(next_.size, next_.time,
                             [&](std::uint64_t size, entry::Micros time, std::string_view note) {
                               const bool last = size == newest->size && time == newest->time;
                               if (left-- == 0 || last) return false;
                               // From when the clock was ahead: passed over until the next start, since
                               // those after it are old before it is.
                               const bool ahead = time - now > kHour;
                               if (!ahead && now - time < kKeepAll) return false;
                               if (!ahead && !is_anchored(snapshot, size, note))
                                 dropped.push_back({size, time});
                               next_ = {size, time + 1};
                               return true;
                             });
  return dropped;
}

}  // namespace chancery::log
