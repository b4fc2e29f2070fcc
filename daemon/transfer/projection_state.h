#pragma once

#include <deque>
#include <map>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/transfer/byte_set.h"
#include "daemon/transfer/projection.h"
#include "daemon/transfer/records.h"

// What projection.cpp (applying entries), questions.cpp (reading) and forget.cpp (erasing) share. Theirs
// alone.
namespace chancery::transfer {

inline constexpr const char* kErased = "(erased)";  // instead of a reason

struct IdOf {
  const entry::EventId& operator()(const TransferRecord& transfer) const { return transfer.id; }
  const entry::EventId& operator()(const DeliveryRecord& delivery) const { return delivery.object; }
};
struct ContentOf {
  const entry::Hash& operator()(const TransferRecord& transfer) const { return *transfer.sha256; }
};
struct NameOf {
  std::string_view operator()(const TransferRecord& transfer) const { return transfer.name; }
  std::string_view operator()(const DeliveryRecord& delivery) const { return delivery.shown_name; }
};

// What an agency has put on a route and was accepted.
struct Sent {
  explicit Sent(const std::deque<TransferRecord>& table) : newest(table), first(table) {}
  std::vector<Index> in_order;                                // the ledger's
  KeyIndex<TransferRecord, std::string_view, NameOf> newest;  // of each name the last one
  KeyIndex<TransferRecord, entry::Hash, ContentOf> first;     // of each content the first one
};

struct Projection::State {
  using Folder = std::pair<Names::Id, Names::Id>;  // agency, route
  using Waiting = KeyIndex<DeliveryRecord, std::string_view, NameOf>;
  using Quarters = std::map<Micros, Tally>;  // when one began -> what was accepted in it
  using Month = std::int32_t;                // since the year 0

  void apply_outcome(std::uint64_t seq, Micros time, const entry::EventView& event, Outcome outcome);
  void apply_delivery(std::uint64_t seq, Micros time, const entry::EventView& event);
  void apply_step(std::uint64_t seq, Micros time, const entry::EventView& event);
  void add_step(TransferRecord& transfer, std::uint64_t seq, Micros time, const entry::EventView& event,
                Names::Id agency);
  void add_month(Names::Id agency, Micros time, Index transfer);
  static void count(Quarters& quarters, const TransferRecord& transfer);
  std::string free_name(const DeliveryRecord& delivery, const std::string& name) const;

  // An accepted transfer takes its place among those of its folder, or leaves it.
  void add_sent(Index transfer);
  void remove_sent(Index transfer);
  void index_sent(Sent& folder, Index transfer) const;
  void index_again(Sent& folder) const;
  std::uint64_t seq_of(Index transfer) const { return steps[transfers[transfer].first_step].seq; }

  // Drops what is known of the details of these entries, as if they had never been opened.
  void forget(std::span<const entry::SeqRange> seqs);
  void forget_outcome(TransferRecord& transfer, Index index);
  void forget_delivery(DeliveryRecord& delivery, Index index);

  std::optional<Folder> find_folder(std::string_view agency, std::string_view route) const;
  Transfer transfer_of(Index index) const;
  Transfer shown(Index index) const;  // with the earlier one of the same content
  Delivery delivery_of(Index index) const;
  Tally since(const std::map<Names::Id, Quarters>& of, std::string_view id, Micros since) const;

  mutable std::shared_mutex mutex;  // guards all of it
  ByteSet applied;
  Names names;
  std::deque<StepRecord> steps;
  std::deque<TransferRecord> transfers;
  std::deque<DeliveryRecord> deliveries;
  std::unordered_map<Index, std::string> reasons;  // of transfers that were not accepted
  KeyIndex<TransferRecord, entry::EventId, IdOf> by_id{transfers};
  KeyIndex<DeliveryRecord, entry::EventId, IdOf> by_object{deliveries};
  std::map<Folder, Sent> sent;
  std::map<Folder, Waiting> waiting;
  std::map<Names::Id, std::map<Month, std::vector<Index>>> months;  // by agency
  std::map<Names::Id, Quarters> accepted_from, accepted_through;    // by agency, by route
  std::map<std::uint64_t, LogKeyStep> log_keys;
  Activation activation;
};

}  // namespace chancery::transfer
