#include "ledger/verify/exported.h"

#include <algorithm>
#include <array>
#include <set>

#include "ledger/entry/seqs.h"
#include "ledger/exports/documents.h"
#include "ledger/exports/folder.h"
#include "ledger/exports/layout.h"
#include "ledger/exports/sums.h"

namespace chancery::verify {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxOther = std::size_t{64} << 20;
constexpr std::string_view kPolicies = "policies/";
constexpr std::size_t kPolicyHash = 64;

// The SIZEs of the files in checkpoints/ in ascending order; the other names go to `wrong`.
std::vector<std::uint64_t> kept_sizes(const fs::path& folder, std::vector<std::string>& wrong) {
  std::vector<std::uint64_t> sizes;
  exports::walk(folder, "checkpoints", [&](const std::string& path, bool regular) {
    if (!regular) {
      return;
    }
    const auto size = entry::parse_number(std::string_view(path).substr(sizeof "checkpoints/" - 1));
    if (size && *size > 0) {
      sizes.push_back(*size);
    } else {
      wrong.push_back(path);
    }
  });
  std::ranges::sort(sizes);
  return sizes;
}

// Whether a file of this name may be in an export, whatever it holds.
bool has_a_place(std::string_view path) {
  constexpr std::array kFolders{std::string_view("tile/"), std::string_view("checkpoints/"), kPolicies};
  constexpr std::array kFiles{exports::kCheckpoint, exports::kSums, exports::kLogPolicy,
                              exports::kLogPolicyEd25519};
  return std::ranges::any_of(kFolders, [&](std::string_view folder) { return path.starts_with(folder); }) ||
         std::ranges::any_of(kFiles, [&](const char* name) { return path == name; }) ||
         std::ranges::any_of(exports::documents(),
                             [&](const exports::Document& document) { return path == document.name; });
}

}  // namespace

Exported::Exported(fs::path folder)
    : folder_(std::move(folder)),
      cutter_(0, {},
              [this](unsigned level, std::uint64_t index, std::uint64_t width, std::string_view bytes) {
                compare_tile(level, index, width, bytes);
              }) {
  read_sums();
  if (auto bytes = read(exports::kCheckpoint, note::kMaxNoteBytes)) {
    const auto parsed = note::parse_note(*bytes);
    const auto* note = std::get_if<note::Note>(&parsed);
    const auto head = note != nullptr ? note::parse_checkpoint(note->text) : std::nullopt;
    if (head) {
      size_ = head->size;
      checkpoint_ = *std::move(bytes);
    } else {
      find("checkpoint is not a signed tree head");
    }
  }
}

bool Exported::is_one(const fs::path& folder) {
  const auto has = [&](const char* name) { return fs::exists(fs::symlink_status(folder / name)); };
  return has(exports::kCheckpoint) || has(exports::kSums) || has(exports::kLogPolicy) || has("tile");
}

void Exported::find(std::string text, std::optional<std::uint64_t> seq) {
  findings_.push_back({seq, std::move(text)});
}

void Exported::read_sums() {
  const auto text = exports::read_file(folder_ / exports::kSums, exports::kMaxSums);
  const auto sums = exports::parse_sums(text.value_or(""));
  if (!text || !sums) {
    find(std::string(exports::kSums) + (text ? " is not a list of files as it should be" : " is missing"));
    return;
  }
  sums_.emplace();
  for (const auto& [path, hash] : *sums) {
    sums_->emplace_hint(sums_->end(), path, Listed{hash, false});
  }
}

std::optional<std::string> Exported::read(const std::string& path, std::size_t most,
                                          std::optional<std::uint64_t> seq) {
  auto bytes = exports::read_file(folder_ / path, most);
  const auto found = sums_ ? sums_->find(path) : decltype(sums_->find(path))();
  Listed* const listed = sums_ && found != sums_->end() ? &found->second : nullptr;
  const bool first = listed != nullptr && !std::exchange(listed->checked, true);
  if (!bytes) {
    find(path + " is missing, or is no plain file of a possible length", seq);
  } else if (first && merkle::sha256_of(*bytes) != listed->hash) {
    find(path + " does not have the hash that " + exports::kSums + " has for it", seq);
  }
  return bytes;
}

// What entries say about files of the export.
void Exported::note_entry(std::uint64_t seq, std::string_view text) {
  keys_.read(text);
  constexpr std::size_t kHead = 256;
  if (text.substr(0, kHead).find("\nevent policy.activated\n") != std::string_view::npos) {
    entry::EntryView view;
    if (!entry::parse_into(text, view)) {
      activated_.emplace_back(seq, view.plain_value("policy").value_or(""));
    }
  }
}

void Exported::visit(std::uint64_t from, const Source::VisitEntry& visit) {
  for (std::uint64_t seq = from / exports::kTileWidth * exports::kTileWidth; seq < size_;) {
    const std::uint64_t width = std::min(exports::kTileWidth, size_ - seq);
    const std::string path = exports::bundle_path(seq / exports::kTileWidth, width);
    const auto bundle = read(path, exports::kMaxBundleBytes, seq);
    bool more = true;
    const bool whole = bundle && exports::read_bundle(*bundle, width, [&](std::string_view text) {
                         more = more && (seq < from || visit(seq, text, nullptr));
                         ++seq;
                       });
    if (bundle && !whole) {
      find(path + " is not a bundle of " + std::to_string(width) +
               " entries: " + std::to_string(seq % exports::kTileWidth) + " of them are whole",
           seq);
    }
    if (!whole || !more) {
      return;
    }
  }
}

void Exported::visit_checkpoints(const std::function<bool(std::uint64_t, std::string_view)>& visit) {
  std::vector<std::string> ignored;
  for (const std::uint64_t size : kept_sizes(folder_, ignored)) {
    const auto note = read(exports::checkpoint_path(size), note::kMaxNoteBytes);
    if (note && !visit(size, *note)) {
      return;
    }
  }
}

// Only the first hash of a tile that is wrong is told of; and above the leaves only when these are right.
void Exported::compare_tile(unsigned level, std::uint64_t index, std::uint64_t width,
                            std::string_view expected) {
  const std::string path = exports::tile_path(level, index, width);
  const auto bytes = read(path, exports::kTileWidth * exports::kHashBytes);
  if (!bytes || *bytes == expected) {
    return;
  }
  if (bytes->size() != expected.size()) {
    return find(path + " does not have " + std::to_string(width) + " hashes");
  }
  const auto at = static_cast<std::uint64_t>(std::ranges::mismatch(*bytes, expected).in1 - bytes->begin()) /
                  exports::kHashBytes;
  const std::uint64_t node = index * exports::kTileWidth + at;
  if (level == 0) {
    bad_leaf_ = true;
    find("its bytes do not have the hash that " + path + " has for it", node);
  } else if (!bad_leaf_) {
    const unsigned height = 8 * level;
    find("hash " + std::to_string(at) + " of " + path + " is not that of the entries " +
         std::to_string(node << height) + " to " + std::to_string(((node + 1) << height) - 1));
  }
}

Source Exported::source() {
  Source source;
  source.entries = [this](const Source::VisitEntry& take) {
    visit(0, [&](std::uint64_t seq, std::string_view text, const Openings* openings) {
      note_entry(seq, text);
      ++entries_;
      return take(seq, text, openings);
    });
  };
  source.checkpoints = [this](const auto& take) { visit_checkpoints(take); };
  source.recomputed = [this](std::span<const merkle::Hash> hashes) { cutter_.add(hashes); };
  source.own_findings = [this](const auto& take) {
    finish();
    for (const Finding& finding : findings_) take(finding);
  };
  return source;
}

void Exported::finish() {
  // When the end of the entries is missing, the files there cannot be judged.
  if (entries_ == size_ && size_ > 0) {
    cutter_.finish();
    check_heads();
  }
  check_policies();
  check_the_rest();
}

void Exported::check_heads() {
  if (exports::read_file(folder_ / exports::checkpoint_path(size_), note::kMaxNoteBytes) != checkpoint_) {
    find("checkpoint is not the same as " + exports::checkpoint_path(size_));
  }
  for (const auto& [path, expected] : {std::pair(exports::kLogPolicy, keys_.log_policy()),
                                       std::pair(exports::kLogPolicyEd25519, keys_.log_policy_ed25519())}) {
    const auto bytes = read(path, note::kMaxNoteBytes);
    if (bytes && *bytes != expected) {
      find(std::string(path) + " does not name the keys that are in use by the entries");
    }
  }
}

// Each is what its name says; and if there are any, all that were activated are there.
void Exported::check_policies() {
  if (!sums_) {
    return;
  }
  std::map<std::string, std::string> lines;  // by HASH
  for (auto at = sums_->lower_bound(kPolicies); at != sums_->end() && at->first.starts_with(kPolicies);
       ++at) {
    const std::string path = at->first.substr(kPolicies.size());
    const std::size_t slash = path.find('/');
    if (slash == kPolicyHash) {
      lines[path.substr(0, slash)] += exports::to_hex(at->second.hash) + "  " + path.substr(slash + 1) + "\n";
    } else {
      find(at->first + " is not in the folder of a policy");
    }
  }
  for (const auto& [hash, text] : lines) {
    if (exports::to_hex(merkle::sha256_of(text)) != hash) {
      find("policies/" + hash + " is another policy than its name says");
    }
  }
  if (lines.empty() && !fs::exists(fs::symlink_status(folder_ / "policies"))) {
    return;
  }
  for (const auto& [seq, policy] : activated_) {
    if (!lines.contains(policy)) {
      find("the policy that it activates is not in policies/", seq);
    }
  }
}

void Exported::check_the_rest() {
  std::vector<std::string> wrong;
  kept_sizes(folder_, wrong);
  for (const std::string& path : wrong) {
    find(path + " is not named after a size");
  }
  const bool whole = entries_ == size_ && size_ > 0;
  if (sums_) {
    for (const auto& [path, listed] : *sums_) {
      const bool of_tree = path.starts_with("tile/") || path.starts_with("checkpoints/");
      if (listed.checked) {
        continue;
      }
      if (!of_tree) {
        static_cast<void>(read(path, kMaxOther));
      } else if (whole) {
        find(path + " is listed in " + exports::kSums + " and is not part of an export of " +
             std::to_string(size_) + " entries");
      }
    }
  }
  exports::walk(folder_, "", [&](const std::string& path, bool regular) {
    if (!regular) {
      find(path + " is no plain file");
    } else if (!has_a_place(path)) {
      find(path + " has no place in an export");
    } else if (sums_ && path != exports::kSums && !sums_->contains(path)) {
      find(path + " is not listed in " + exports::kSums);
    }
  });
}

}  // namespace chancery::verify
