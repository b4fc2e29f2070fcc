#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "ledger/exports/error.h"
#include "ledger/merkle/merkle.h"

// Writes a ledger into a folder of plain files that anybody can check: docs/ledger-format.md, "Export".
namespace chancery::exports {

// Whence a ledger is read while others append to it. The functions answer in ascending order until they are
// answered false, and may throw.
struct Source {
  std::string checkpoint;  // the newest signed note: what the export will cover
  std::function<void(std::uint64_t from, const std::function<bool(std::uint64_t, std::string_view)>&)>
      entries;
  // The stored hashes from an index up to `end`, which is not among them.
  std::function<void(std::uint64_t from, std::uint64_t end, const std::function<bool(const merkle::Hash&)>&)>
      hashes;
  std::function<void(const std::function<bool(std::uint64_t size, std::string_view note)>&)> checkpoints;
};

struct Options {
  std::filesystem::path out;       // made if it is not there; its parent must be
  std::filesystem::path policies;  // where the hub keeps its policies (HASH/...); empty: they are left out
  std::function<void(std::uint64_t entries, std::uint64_t of)> progress;  // empty: nobody looks
};

struct Result {
  std::string origin;
  std::uint64_t entries = 0;
  std::uint64_t files = 0;          // of the whole export
  std::uint64_t written_files = 0;  // of those, by this call
  std::uint64_t written_bytes = 0;
};

// Writes an export, or brings one up to date: what is complete is not written again, and the result is the
// same. Memory does not grow with the entries but by a line for each file, about one byte an entry. When it
// is interrupted the former export is still there, and the next call goes on from what this one has written:
// full bundles that have the ledger's hash are not asked for again, and no file that is right is written
// again. Throws Error when `out` is
// something else than an export of this ledger, or one of more entries, and when it cannot be written.
Result write_export(const Source& source, const Options& options);

}  // namespace chancery::exports
