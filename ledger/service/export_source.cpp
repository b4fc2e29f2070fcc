#include "ledger/service/export_source.h"

#include <algorithm>

#include "ledger/service/frame.h"

namespace chancery::service {
namespace {

void visit_entries(Client& client, std::uint64_t seq,
                   const std::function<bool(std::uint64_t, std::string_view)>& visit) {
  for (;;) {
    const auto some = client.entries(seq, kMaxBatch, false);
    if (some.empty()) return;
    for (const StoredEntry& one : some) {
      if (!visit(seq++, one.text)) return;
    }
  }
}

void visit_hashes(Client& client, std::uint64_t index, std::uint64_t end,
                  const std::function<bool(const merkle::Hash&)>& visit) {
  while (index < end) {
    const auto some = client.hashes(index, static_cast<std::uint32_t>(std::min(end - index, kMaxHashes)));
    if (some.empty()) return;
    for (const merkle::Hash& one : some) {
      if (!visit(one)) return;
    }
    index += some.size();
  }
}

void visit_checkpoints(Client& client, const std::function<bool(std::uint64_t, std::string_view)>& visit) {
  std::uint64_t size = 0;
  entry::Micros time = 0;
  for (;;) {
    const auto some = client.checkpoints(size, time, kMaxBatch);
    if (some.empty()) return;
    for (const StoredCheckpoint& one : some) {
      if (!visit(one.size, one.note)) return;
    }
    size = some.back().size;
    time = some.back().time + 1;
  }
}

}  // namespace

exports::Source export_source(Client& client) {
  return {client.checkpoint().value_or(""),
          [&client](std::uint64_t from, const auto& visit) { visit_entries(client, from, visit); },
          [&client](std::uint64_t from, std::uint64_t end, const auto& visit) {
            visit_hashes(client, from, end, visit);
          },
          [&client](const auto& visit) { visit_checkpoints(client, visit); }};
}

}  // namespace chancery::service
