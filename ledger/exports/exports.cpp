#include "ledger/exports/exports.h"

#include <algorithm>
#include <vector>

#include "ledger/entry/entry.h"
#include "ledger/exports/documents.h"
#include "ledger/exports/folder.h"
#include "ledger/exports/keys.h"
#include "ledger/exports/layout.h"
#include "ledger/exports/sums.h"
#include "ledger/exports/tiles.h"
#include "ledger/note/log_policy.h"

namespace chancery::exports {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxPolicyFile = std::size_t{16} << 20;

std::optional<note::Checkpoint> head_of(std::string_view bytes) {
  const auto parsed = note::parse_note(bytes);
  const auto* note = std::get_if<note::Note>(&parsed);
  return note != nullptr ? note::parse_checkpoint(note->text) : std::nullopt;
}

// What an earlier export has left.
struct Prior {
  std::uint64_t size = 0;  // entries that it covers and that need not be written again
  Sums sums;               // its files
  PresentKeys keys;        // at its size
};

class Writer {
 public:
  Writer(const Source& source, const Options& options)
      : source_(source), options_(options), folder_(options.out), head_(read_head(source)) {}

  Result run() {
    read_prior();
    visit_full(prior_.size, [this](const std::string& path, bool) { keep(path); });
    write_tiles();
    write_entries();
    write_checkpoints();
    write_policies();
    for (const Document& document : documents()) {
      put(std::string(document.name), document.bytes);
    }
    write_log_policy();
    put(kLogPolicyEd25519, prior_.keys.log_policy_ed25519());
    finish();
    result_.origin = head_.origin;
    result_.entries = head_.size;
    result_.files = sums_.size() + 1;
    return result_;
  }

 private:
  static note::Checkpoint read_head(const Source& source) {
    const auto head = head_of(source.checkpoint);
    if (!head || head->size == 0) {
      throw Error("the ledger has no checkpoint yet; the running service signs one within a second.");
    }
    return *head;
  }

  merkle::NodeReader node_reader() const {
    return [this](std::uint64_t index) {
      std::optional<merkle::Hash> found;
      source_.hashes(index, index + 1, [&](const merkle::Hash& hash) {
        found = hash;
        return false;
      });
      if (!found) throw Error("the ledger has no stored hash " + std::to_string(index) + ".");
      return *found;
    };
  }

  // What is in the folder already: nothing, or an export of this ledger, or one that was begun.
  void read_prior() {
    const auto checkpoint = folder_.read(kCheckpoint, note::kMaxNoteBytes);
    const auto log_policy = folder_.read(kLogPolicy, note::kMaxNoteBytes);
    if (!checkpoint) {
      if (log_policy) {
        keys_in(*log_policy);
      } else if (!folder_.empty()) {
        refuse("is not empty and no export of a ledger");
      }
      begin();
      return;
    }
    const auto head = head_of(*checkpoint);
    if (!head) refuse("has a file `checkpoint` that is none");
    if (head->origin != head_.origin) refuse("is an export of " + head->origin + ", not of " + head_.origin);
    if (head->size > head_.size) {
      refuse("has " + std::to_string(head->size) + " entries and the ledger's checkpoint covers " +
             std::to_string(head_.size) + ": the ledger was rolled back, or this is a copy");
    }
    if (merkle::tree_root(head->size, nodes_) != head->root) {
      refuse("has another history than the ledger: run `chancery ledger verify` on both");
    }
    auto sums = read_sums();
    if (sums && log_policy && is_intact(*sums, kCheckpoint, *checkpoint) &&
        is_intact(*sums, kLogPolicy, *log_policy) && has_full_tiles(*sums, head->size)) {
      prior_ = {head->size, *std::move(sums), PresentKeys(keys_in(*log_policy))};
    }
  }

  // What SHA256SUMS lists. Its text is long, and not kept: only its hash.
  std::optional<Sums> read_sums() {
    const std::string text = folder_.read(kSums, kMaxSums).value_or("");
    written_sums_ = merkle::sha256_of(text);
    return parse_sums(text);
  }

  [[noreturn]] void refuse(const std::string& why) const {
    throw Error(options_.out.string() + " " + why + ". Nothing was changed; choose another folder.");
  }

  std::vector<note::VerifierKey> keys_in(const std::string& log_policy) const {
    const auto parsed = note::parse_log_policy(log_policy);
    const auto* policy = std::get_if<note::LogPolicy>(&parsed);
    if (policy == nullptr) refuse("has a file `log-policy` that is none");
    auto keys = policy->keys();
    if (!std::ranges::all_of(keys, [&](const auto& key) { return key.name() == head_.origin; })) {
      refuse("has a log-policy of another ledger than " + head_.origin);
    }
    return keys;
  }

  static bool is_intact(const Sums& sums, std::string_view path, std::string_view bytes) {
    const auto listed = sums.find(path);
    return listed != sums.end() && listed->second == merkle::sha256_of(bytes);
  }

  bool has_full_tiles(const Sums& sums, std::uint64_t size) const {
    bool all = true;
    visit_full(size, [&](const std::string& path, bool bundle) {
      const auto length = folder_.length(path);
      all =
          all && sums.contains(path) && length && (bundle ? *length > 0 : *length == kTileWidth * kHashBytes);
    });
    return all;
  }

  template <typename Visit>
  static void visit_full(std::uint64_t size, const Visit& visit) {
    unsigned level = 0;
    for (std::uint64_t count = size / kTileWidth; count > 0; count /= kTileWidth) {
      for (std::uint64_t index = 0; index < count; ++index) {
        if (level == 0) visit(bundle_path(index), true);
        visit(tile_path(level, index), false);
      }
      ++level;
    }
  }

  // The first file says whose export this will be, should it be interrupted.
  void begin() {
    PresentKeys keys;
    source_.entries(0, [&](std::uint64_t, std::string_view entry) {
      keys.read(entry);
      return false;
    });
    const auto& all = keys.keys();
    if (!std::ranges::all_of(all, [&](const auto& key) { return key.name() == head_.origin; }) ||
        all.empty()) {
      throw Error(
          "the ledger does not begin with the entry that names its keys: run `chancery ledger verify`.");
    }
    folder_.write(kLogPolicy, keys.log_policy(), true);
    begun_ = true;
  }

  // Where writing begins: at the first bundle that was not full.
  std::uint64_t base() const { return prior_.size / kTileWidth * kTileWidth; }

  // Leaves a file alone that is as it should be, listed or left by an export that was interrupted.
  void put(const std::string& path, std::string_view bytes) {
    const merkle::Hash hash = merkle::sha256_of(bytes);
    const auto before = prior_.sums.find(path);
    const bool listed = before != prior_.sums.end() && before->second == hash;
    sums_.insert_or_assign(path, hash);
    if (folder_.length(path) == bytes.size() && (listed || folder_.read(path, bytes.size()) == bytes)) return;
    folder_.write(path, bytes);
    count(bytes);
  }

  void count(std::string_view written) {
    ++result_.written_files;
    result_.written_bytes += written.size();
  }

  void keep(const std::string& path) { sums_.insert(prior_.sums.extract(path)); }

  // Takes over the full bundles from base() on that an interrupted export has left; answers the seq after
  // their entries. These are the ledger's if their hashes are those of the tile, which was written before.
  std::uint64_t take_over_bundles() {
    std::uint64_t next = base();
    for (; head_.size - next >= kTileWidth; next += kTileWidth) {
      const std::string path = bundle_path(next / kTileWidth);
      const auto bytes = folder_.read(path, kMaxBundleBytes);
      std::string tile;
      const bool whole = bytes && read_bundle(*bytes, kTileWidth, [&](std::string_view entry) {
                           const merkle::Hash leaf = merkle::leaf_hash(entry);
                           tile.append(leaf.begin(), leaf.end());
                         });
      if (!whole || folder_.read(tile_path(0, next / kTileWidth), tile.size()) != tile) break;
      static_cast<void>(
          read_bundle(*bytes, kTileWidth, [&](std::string_view entry) { prior_.keys.read(entry); }));
      sums_.insert_or_assign(path, merkle::sha256_of(*bytes));
      show_progress(next + kTileWidth);
    }
    return next;
  }

  void show_progress(std::uint64_t entries) const {
    if (options_.progress) options_.progress(entries, head_.size);
  }

  void write_entries() {
    std::string bundle;
    std::uint64_t next = take_over_bundles();
    if (next == head_.size) return;
    source_.entries(next, [&](std::uint64_t seq, std::string_view entry) {
      if (seq != next++) throw Error("the ledger has no entry " + std::to_string(next - 1) + ".");
      prior_.keys.read(entry);
      append_to_bundle(bundle, entry);
      if (next % kTileWidth == 0 || next == head_.size) {
        put(bundle_path(seq / kTileWidth, seq % kTileWidth + 1), bundle);
        bundle.clear();
        show_progress(next);
      }
      return next < head_.size;
    });
    if (next != head_.size) throw Error("the ledger has no entry " + std::to_string(next) + ".");
  }

  void write_tiles() {
    TileCutter cutter(base(), nodes_,
                      [&](unsigned level, std::uint64_t index, std::uint64_t width, std::string_view bytes) {
                        put(tile_path(level, index, width), bytes);
                      });
    std::uint64_t next = merkle::stored_count(base());
    const std::uint64_t end = merkle::stored_count(head_.size);
    source_.hashes(next, end, [&](const merkle::Hash& hash) {
      cutter.add(std::span(&hash, 1));
      return ++next < end;
    });
    if (next != end) throw Error("the ledger has no stored hash " + std::to_string(next) + ".");
    cutter.finish();
  }

  // If it was the first file too, it counts once.
  void write_log_policy() {
    const std::string bytes = prior_.keys.log_policy();
    const Result before = result_;
    put(kLogPolicy, bytes);
    if (begun_) {
      result_ = before;
      count(bytes);
    }
  }

  // Of each size the note that was signed last.
  void write_checkpoints() {
    std::uint64_t size = 0;
    std::string last;
    const auto put_last = [&] {
      if (!last.empty()) put(checkpoint_path(size), last);
    };
    source_.checkpoints([&](std::uint64_t next, std::string_view note) {
      if (next > head_.size) return false;
      if (next != size) put_last();
      size = next;
      last = note;
      return true;
    });
    if (size != head_.size) {
      size = head_.size;
      last = source_.checkpoint;
    }
    put_last();
    newest_ = std::move(last);
  }

  // Those that are there, besides those that the export has already.
  void write_policies() {
    if (!options_.policies.empty()) {
      if (!fs::is_directory(options_.policies)) {
        throw Error(options_.policies.string() + " is no folder of policies that a hub has kept.");
      }
      for (const fs::directory_entry& one : fs::directory_iterator(options_.policies)) {
        const std::string hash = one.path().filename().string();
        const auto digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
        if (hash.size() == 64 && std::ranges::all_of(hash, digit)) write_policy(hash);
      }
    }
    std::vector<std::string> kept;
    for (auto at = prior_.sums.lower_bound("policies/");
         at != prior_.sums.end() && at->first.starts_with("policies/"); ++at) {
      if (!sums_.contains(at->first) && folder_.length(at->first)) kept.push_back(at->first);
    }
    for (const std::string& path : kept) keep(path);
  }

  void write_policy(const std::string& hash) {
    walk(options_.policies, hash, [&](const std::string& path, bool regular) {
      const auto bytes = regular ? read_file(options_.policies / path, kMaxPolicyFile) : std::nullopt;
      if (!bytes || !is_path(path)) {
        throw Error((options_.policies / path).string() + " is no file of a policy.");
      }
      put("policies/" + path, *bytes);
    });
  }

  void finish() {
    sums_[kCheckpoint] = merkle::sha256_of(newest_);
    const std::string sums = format_sums(sums_);
    const bool news = result_.written_files > 0 || written_sums_ != merkle::sha256_of(sums) ||
                      folder_.read(kCheckpoint, note::kMaxNoteBytes) != newest_;
    if (news) {
      folder_.sync();
      folder_.write(kSums, sums, true);
      folder_.write(kCheckpoint, newest_, true);
      count(sums);
      count(newest_);
    }
    std::vector<std::string> superseded;
    for (const char* folder : {"tile", "checkpoints"}) {
      walk(folder_.root(), folder, [&](const std::string& path, bool) {
        if (!sums_.contains(path)) superseded.push_back(path);
      });
    }
    for (const std::string& path : superseded) folder_.remove(path);
  }

  const Source& source_;
  const Options& options_;
  Folder folder_;
  note::Checkpoint head_;
  merkle::NodeReader nodes_ = node_reader();
  Prior prior_;
  bool begun_ = false;  // anew: there was no export
  Sums sums_;
  merkle::Hash written_sums_{};  // of the file SHA256SUMS that was there
  std::string newest_;           // the checkpoint of head_.size that was signed last
  Result result_;
};

}  // namespace

Result write_export(const Source& source, const Options& options) { return Writer(source, options).run(); }

}  // namespace chancery::exports
