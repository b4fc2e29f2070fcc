#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/entry/erasures.h"
#include "ledger/exports/exports.h"
#include "ledger/log/log_keys.h"
#include "ledger/note/note.h"
#include "ledger/verify/verify.h"

namespace chancery::cli {

// A ledger as it was when it was opened: a folder on disk, an export, or the running service behind its
// socket.
class LedgerReader {
 public:
  virtual ~LedgerReader() = default;

  // What is read: "folder", "export" or "service".
  virtual std::string_view kind() const = 0;
  virtual std::uint64_t size() = 0;
  virtual verify::Source source() = 0;
  virtual exports::Source export_source() = 0;
  // In order, from a seq on, until answered false.
  virtual void visit(std::uint64_t from, const verify::Source::VisitEntry& visit) = 0;
  // The same from the first on without details, which can be faster.
  virtual void visit_texts(const std::function<bool(std::string_view text)>& visit);
  virtual std::string entry(std::uint64_t seq) = 0;
  virtual std::optional<std::string> newest_checkpoint() = 0;
  // That entries name, in their order. Throws when one of these entries is damaged.
  virtual std::vector<log::NamedKey> keys() = 0;
  virtual std::vector<merkle::Hash> inclusion(std::uint64_t seq, std::uint64_t size) = 0;
};

// `where` is an export; or the folder of a ledger, whose details are read with the key files in the folder
// `keys` (empty: withheld); or the socket of a running service, whose details are read if this user is its
// administrator or the hub. Throws when there is neither, or when the keys are not this ledger's.
std::unique_ptr<LedgerReader> open_ledger(const std::string& where, const std::string& keys);

// What its entries say of erased details. Entries that are damaged are passed over.
entry::Erasures erasures_of(LedgerReader& ledger);

// Those of ledger.keys() that may sign a checkpoint of `size` entries; never none.
std::vector<note::VerifierKey> keys_good_for(LedgerReader& ledger, std::uint64_t size);

}  // namespace chancery::cli
