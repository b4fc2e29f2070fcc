#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "ledger/log/chain.h"
#include "ledger/log/epochs.h"
#include "ledger/log/log.h"
#include "ledger/log/prepare.h"
#include "ledger/store/store.h"

namespace chancery::log {

// What goes into one commit: whole batches, each given its place or its answer from before. Used by the
// writer only.
class Group {
 public:
  // `chain` is moved on as entries are added; whoever owns it goes back if the commit fails.
  Group(Chain& chain, Epochs& epochs, store::Snapshot before, std::string_view origin);

  // Answers what to tell the caller once the group is durable: places for a batch of new ids, the old places
  // for one that is there with the same fields, a refusal for anything between.
  Appended add(const std::vector<Prepared>& batch, entry::Micros now);

  // As add(), for an entry of the service's own.
  void add_own(const Prepared& entry, entry::Micros now) { place(entry, now); }

  // Rows of the store's meta that change with the entries.
  void remember(std::map<std::string, std::string> meta) { batch_.meta = std::move(meta); }

  // The commit, when all is added.
  const store::Batch& finish();
  bool empty() const { return batch_.entries.empty(); }

 private:
  struct Place {
    std::uint64_t seq = 0;
    entry::Micros time = 0;
  };
  struct IdHash {  // an id's end is random, or chosen by a caller who can only slow its own batch down
    std::size_t operator()(const entry::EventId& id) const;
  };
  Place place(const Prepared& entry, entry::Micros now);
  std::optional<std::uint64_t> find(const entry::EventId& id) const;
  Appended repeat(const std::vector<Prepared>& batch) const;
  // The place of an entry that is there with these fields, or why it is another one.
  std::variant<Place, std::string> compare(std::uint64_t seq, const Prepared& entry) const;
  std::variant<Place, std::string> compare_stored(std::uint64_t seq, const Prepared& entry) const;

  Chain& chain_;
  Epochs& epochs_;
  store::Snapshot before_;
  std::string origin_;
  store::Batch batch_;
  std::unordered_map<entry::EventId, std::uint64_t, IdHash> new_ids_;
  std::vector<const Prepared*> new_entries_;  // parallel to batch_.entries
  std::vector<entry::Micros> new_times_;
};

}  // namespace chancery::log
