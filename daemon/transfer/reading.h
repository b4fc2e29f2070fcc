#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/object/object_store.h"
#include "daemon/transfer/byte_set.h"
#include "daemon/transfer/caller.h"
#include "daemon/transfer/projection.h"
#include "daemon/transfer/recorder.h"
#include "daemon/transfer/trouble.h"
#include "daemon/transfer/upload.h"

namespace chancery::transfer {

// A delivery that is open for reading: delivery.opened is in the ledger.
class Reading {
 public:
  using Data = std::function<void(std::variant<std::vector<std::uint8_t>, Problem>)>;

  // Up to `length` bytes; none at the end. Answers from a worker.
  void read(std::uint64_t offset, std::uint32_t length, Data done);
  // These bytes were given to the client's connection; when all of them were, the delivery is collected.
  void sent(std::uint64_t from, std::uint64_t to) const;

  const Delivery& delivery() const { return delivery_; }

 private:
  friend class Counter;
  Reading(class Counter& counter, Post post, Caller caller, Delivery delivery, object::Object object);

  class Counter& counter_;
  Post post_;
  Caller caller_;
  Delivery delivery_;
  std::shared_ptr<const object::Object> object_;
};

// Where deliveries are collected: opens them, notices when an account has been sent every byte, and takes
// acknowledgements. Thread-safe; must outlive its readings.
class Counter {
 public:
  Counter(const object::ObjectStore& objects, Projection& projection, Recorder& recorder, Trouble& trouble,
          Clock clock);

  // Records delivery.opened, durable before `done` gets the reading. The same account opening the same object
  // again within a minute adds no entry.
  using Opened = std::function<void(std::variant<std::shared_ptr<Reading>, Problem>)>;
  void open(const Caller& caller, const Delivery& delivery, Post post, Opened done);

  // Takes responsibility for a delivery; refused until one account has been sent every byte of it.
  void acknowledge(const Caller& caller, const Delivery& delivery, const Done& done);

  // Appends object.disposed for what was acknowledged more than seven days ago, and removes it.
  void dispose_old();

 private:
  friend class Reading;
  using Key = std::pair<std::string, std::string>;  // object, account
  void record_opened(const std::shared_ptr<Reading>& reading, const Opened& done);
  void opening_ended(const Key& key, bool recorded);
  void forget(const std::string& object);
  bool collected(const Delivery& delivery);
  void sent(const Caller& caller, const Delivery& delivery, std::uint64_t from, std::uint64_t to);

  const object::ObjectStore& objects_;
  Projection& projection_;
  Recorder& recorder_;
  Trouble& trouble_;
  Clock clock_;
  std::mutex mutex_;
  std::map<Key, entry::Micros> opened_;  // delivery.opened of the last minute
  // Where it is just being recorded: who waits for that.
  std::map<Key, std::vector<std::function<void(bool recorded)>>> opening_;
  std::map<Key, ByteSet> sent_;          // gone once every byte was sent, or the delivery was acknowledged
  std::set<std::string> whole_;          // objects of which one account has been sent every byte
  std::set<std::string> acknowledging_;  // objects that were acknowledged since the start, or are just being
};

}  // namespace chancery::transfer
