#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "daemon/transfer/projection.h"

// What the projection keeps of each transfer there ever was, so as small as it can be: ids and digests as
// bytes, names that repeat once, and indexes that hold places in a table and no keys.
namespace chancery::transfer {

using Index = std::uint32_t;  // a record's place in its table
inline constexpr Index kNone = 0xFFFFFFFF;

// Agencies, routes, accounts, events and codes: few, and each kept once. Not forgotten, as the policy has
// them too. The empty one is kEmpty.
class Names {
 public:
  using Id = std::uint32_t;
  static constexpr Id kEmpty = 0;

  Names() { of(""); }
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;
  Id of(std::string_view name);
  std::optional<Id> find(std::string_view name) const;
  const std::string& text(Id id) const { return names_[id]; }

 private:
  std::deque<std::string> names_;
  boost::unordered_flat_map<std::string_view, Id> ids_;
};

// The steps of one transfer are a chain in the table of all.
struct StepRecord {
  std::uint64_t seq = 0;
  Micros time = 0;
  Names::Id event = Names::kEmpty;
  Names::Id agency = Names::kEmpty;
  Names::Id account = Names::kEmpty;
  std::uint32_t entry_bytes = 0;
  std::uint32_t openings_of_sender = 0;
  std::uint32_t openings_of_own = 0;
  Index next = kNone;
};

struct TransferRecord {
  entry::EventId id{};
  std::optional<entry::Hash> sha256;
  std::string name;
  std::uint64_t size = 0;
  std::uint64_t count = 1;
  Micros time = 0;
  Names::Id agency = Names::kEmpty;
  Names::Id route = Names::kEmpty;
  Names::Id account = Names::kEmpty;
  Names::Id code = Names::kEmpty;
  Index first_step = kNone;
  Index last_step = kNone;
  Outcome outcome = Outcome::accepted;
};

struct DeliveryRecord {
  entry::EventId object{};
  entry::EventId transfer{};
  std::optional<entry::Hash> sealed_sha256;
  bool collected = false;
  bool disposed = false;
  std::string shown_name;
  std::uint64_t sealed_size = 0;
  std::uint64_t seq = 0;
  Micros made = 0;
  std::optional<Micros> acknowledged;
  Names::Id agency = Names::kEmpty;
  Names::Id route = Names::kEmpty;
};

inline std::size_t hash_of(std::string_view name) { return std::hash<std::string_view>()(name); }
// Of ids and digests, whose last bytes are random.
template <std::size_t kSize>
std::size_t hash_of(const std::array<std::uint8_t, kSize>& random) {
  std::size_t last = 0;
  std::memcpy(&last, random.data() + kSize - sizeof last, sizeof last);
  return last;
}

// Records of a table by a key of theirs, which only one at a time may have. `KeyOf` gives a record's key;
// that must not change while the record is here.
template <typename Record, typename Key, typename KeyOf>
class KeyIndex {
 public:
  explicit KeyIndex(const std::deque<Record>& table)
      : table_(&table), places_(0, Hash{&table}, Same{&table}) {}

  // kNone if there is none.
  Index find(const Key& key) const {
    const auto found = places_.find(key);
    return found == places_.end() ? kNone : *found;
  }
  // In the place of the one that has its key, if there is one.
  void put(Index record) {
    const auto [place, first] = places_.insert(record);
    if (first || *place == record) return;
    places_.erase(place);
    places_.insert(record);
  }
  // Unless another one has its key.
  void remove(Index record) {
    const auto found = places_.find(record);
    if (found != places_.end() && *found == record) places_.erase(found);
  }
  void clear() { places_.clear(); }
  auto begin() const { return places_.begin(); }
  auto end() const { return places_.end(); }

 private:
  static Key key_of(const std::deque<Record>* table, Index record) { return KeyOf()((*table)[record]); }

  struct Hash {
    using is_transparent = void;
    const std::deque<Record>* table;
    std::size_t operator()(Index record) const { return hash_of(key_of(table, record)); }
    std::size_t operator()(const Key& key) const { return hash_of(key); }
  };
  struct Same {
    using is_transparent = void;
    const std::deque<Record>* table;
    bool operator()(Index one, Index other) const { return key_of(table, one) == key_of(table, other); }
    bool operator()(const Key& key, Index other) const { return key == key_of(table, other); }
    bool operator()(Index one, const Key& key) const { return key == key_of(table, one); }
  };

  const std::deque<Record>* table_;
  boost::unordered_flat_set<Index, Hash, Same> places_;
};

}  // namespace chancery::transfer
