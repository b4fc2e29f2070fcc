#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/transfer/exchange.h"
#include "daemon/transfer/projection.h"
#include "ledger/service/client.h"

// The files in /receipts that prove what the words say: docs/ledger-format.md, "Receipts".
namespace chancery::tree {

// What they are made of. Each may block for some seconds, and throws a std::exception when the ledger does
// not answer.
struct Evidence {
  std::function<std::vector<service::StoredEntry>(std::uint64_t from, std::uint32_t count)> entries;
  std::function<std::vector<merkle::Hash>(std::uint64_t seq, std::uint64_t size)> inclusion;
  std::function<std::optional<std::string>()> checkpoint;  // the newest
  std::function<std::optional<std::string>(std::uint64_t size)>
      checkpoint_from;  // the first kept from a size on
};

// A receipt, or its openings, of one step of a transfer.
struct ReceiptFile {
  std::string name;
  std::uint64_t seq = 0;
  unsigned parties = 0;  // to the step (entry::OpenedTo)
  bool openings = false;
  std::uint64_t size = 0;
  entry::Micros time = 0;
};

// Thread-safe. Holds the newest checkpoints it has used, at most some MiB of them.
class Receipts {
 public:
  explicit Receipts(Evidence evidence) : evidence_(std::move(evidence)) {}

  // Sees to it that an entry is covered by a checkpoint that is held, if one covers it yet. May block; when
  // the ledger does not answer it is not, and nothing else happens.
  void cover(std::uint64_t seq);

  // The files of a transfer for an agency, of the steps that are covered.
  std::vector<ReceiptFile> of(const transfer::Transfer& transfer, std::string_view agency) const;

  // Their content. May block; throws a std::exception when it cannot be had now.
  std::string read(const ReceiptFile& file) const;

  // A file of /receipts/log-keys.
  struct Page {
    std::string name;
    std::string bytes;
    entry::Micros time = 0;
  };
  // Tells the exchange of what others have appended to a ledger that has `size` entries. May block; throws as
  // read() does.
  void catch_up(transfer::Exchange& exchange, std::uint64_t size) const;
  // All of them, as read() does. What others appended to the ledger meanwhile is told to the exchange first.
  std::vector<Page> log_keys(transfer::Exchange& exchange) const;

 private:
  struct Held;
  struct Covering {
    std::uint64_t size = 0;
    std::shared_ptr<const Held> held;
  };
  bool looked_lately();
  void hold(std::uint64_t seq, std::uint64_t size, std::shared_ptr<const Held> held);
  std::optional<Covering> covering(std::uint64_t seq) const;
  service::StoredEntry entry(std::uint64_t seq) const;

  Evidence evidence_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<const Held>> held_;  // by size
  std::optional<std::chrono::steady_clock::time_point> looked_;
};

// The files' names before the extension, NAME.ID, and the transfer's id in the name of one of them ("" if
// there is none).
std::string receipt_stem(const transfer::Transfer& transfer);
std::string id_in(std::string_view name);

}  // namespace chancery::tree
