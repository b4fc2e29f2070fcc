#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ledger/exports/keys.h"
#include "ledger/exports/tiles.h"
#include "ledger/verify/verify.h"

namespace chancery::verify {

// An export on disk (docs/ledger-format.md, "Export") as a ledger to be checked, once: whatever is wrong with
// its files is a finding that names the file. What cannot be read at all throws exports::Error.
class Exported {
 public:
  explicit Exported(std::filesystem::path folder);

  // Whether a folder is meant to be an export: it has a file that an export begins with. Whatever else is in
  // it, such as a ledger's tables, it is to be checked as one.
  static bool is_one(const std::filesystem::path& folder);

  // What `checkpoint` says; 0 and empty when it is none.
  std::uint64_t size() const { return size_; }
  const std::string& checkpoint() const { return checkpoint_; }

  // For check(); this must outlive it.
  Source source();

  // Entries from a seq on, until answered false or one is not there, which is a finding.
  void visit(std::uint64_t from, const Source::VisitEntry& visit);

 private:
  struct Listed {
    merkle::Hash hash{};
    bool checked = false;
  };

  void find(std::string text, std::optional<std::uint64_t> seq = std::nullopt);
  void read_sums();
  // The bytes of a file that must be there, compared with SHA256SUMS once; nullopt after a finding.
  std::optional<std::string> read(const std::string& path, std::size_t most,
                                  std::optional<std::uint64_t> seq = std::nullopt);
  void note_entry(std::uint64_t seq, std::string_view text);
  void visit_checkpoints(const std::function<bool(std::uint64_t, std::string_view)>& visit);
  void compare_tile(unsigned level, std::uint64_t index, std::uint64_t width, std::string_view expected);
  void finish();
  void check_heads();
  void check_policies();
  void check_the_rest();

  std::filesystem::path folder_;
  std::string checkpoint_;
  std::uint64_t size_ = 0;
  std::optional<std::map<std::string, Listed, std::less<>>> sums_;
  std::uint64_t entries_ = 0;  // that were there
  bool bad_leaf_ = false;
  exports::TileCutter cutter_;
  exports::PresentKeys keys_;
  std::vector<std::pair<std::uint64_t, std::string>> activated_;  // seq, policy
  std::vector<Finding> findings_;
};

}  // namespace chancery::verify
