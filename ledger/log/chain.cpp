#include "ledger/log/chain.h"

#include <algorithm>

namespace chancery::log {
namespace {

// What is wrong with the last entry of a ledger of `size` entries, if anything.
std::optional<std::string> wrong_with_last(const store::Snapshot& snapshot, const entry::Entry& last,
                                           std::string_view text, std::string_view origin) {
  const std::uint64_t seq = snapshot.size() - 1;
  if (last.seq != seq) return "it says seq " + std::to_string(last.seq);
  if (merkle::leaf_hash(text) != snapshot.stored_hash(merkle::stored_index(0, seq))) {
    return "its bytes do not give its stored hash";
  }
  const merkle::Hash prev =
      seq == 0 ? entry::genesis_prev(origin) : snapshot.stored_hash(merkle::stored_index(0, seq - 1));
  if (last.prev != prev) return "its prev is not the hash of the entry before it";
  if (snapshot.find(last.id) != seq) return "its id does not lead to it";
  return std::nullopt;
}

}  // namespace

Chain::Chain(std::string_view origin) : prev_(entry::genesis_prev(origin)) {}

std::variant<Chain, std::string> Chain::from(const store::Snapshot& snapshot, std::string_view origin) {
  Chain chain(origin);
  const std::uint64_t size = snapshot.size();
  if (size == 0) return chain;
  const std::string where = "entry " + std::to_string(size - 1) + " is damaged: ";
  const std::string_view text = snapshot.entry(size - 1);
  const auto parsed = entry::parse(text);
  if (const auto* error = std::get_if<entry::ParseError>(&parsed)) {
    return where + error->reason + " (at byte " + std::to_string(error->offset) + ")";
  }
  const auto& last = std::get<entry::Entry>(parsed);
  if (const auto wrong = wrong_with_last(snapshot, last, text, origin)) return where + *wrong;
  chain.tree_ = merkle::Frontier(size, snapshot.node_reader());
  if (chain.tree_.root() != snapshot.root()) return "the tree's right edge does not give the stored root";
  chain.prev_ = merkle::leaf_hash(text);
  chain.time_ = last.time;
  return chain;
}

entry::Micros Chain::append(const Prepared& entry, entry::Micros now, store::Batch& batch) {
  time_ = std::max(time_, now);
  std::string text = entry::head_text(size(), prev_, time_);
  text += entry.body;
  prev_ = merkle::leaf_hash(text);
  tree_.append(prev_, batch.nodes);
  batch.entries.push_back(std::move(text));
  batch.ids.push_back(entry.id);
  return time_;
}

}  // namespace chancery::log
