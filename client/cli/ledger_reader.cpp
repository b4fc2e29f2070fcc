#include "client/cli/ledger_reader.h"

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "ledger/entry/entry.h"
#include "ledger/entry/event_table.h"
#include "ledger/exports/folder.h"
#include "ledger/exports/layout.h"
#include "ledger/exports/tiles.h"
#include "ledger/log/epochs.h"
#include "ledger/service/client.h"
#include "ledger/service/export_source.h"
#include "ledger/store/store.h"
#include "ledger/verify/exported.h"

namespace chancery::cli {
namespace {

constexpr std::uint32_t kEntriesAtOnce = 1024;
constexpr const char* kNoKeys =
    "the ledger does not name its keys as it should: run `chancery ledger verify` on it.";

class FolderReader : public LedgerReader {
 public:
  FolderReader(const std::string& folder, const std::string& keys)
      : store_(store::Store::open(folder, store::Mode::read_only)),
        keys_(keys.empty() ? nullptr : std::make_unique<Keys>(keys)),
        snapshot_(store_.snapshot()),
        size_(snapshot_->size()) {
    if (keys_ != nullptr) {
      if (size_ > 0 && !log::are_keys_of(keys_->folder, snapshot_->entry(0))) {
        throw std::invalid_argument(keys + ": these keys belong to another ledger than " + folder + ".");
      }
    }
  }

  std::string_view kind() const override { return "folder"; }
  std::uint64_t size() override { return size_; }

  verify::Source source() override {
    verify::Source source = verify::source_of(held());
    source.entries = [this](const verify::Source::VisitEntry& visit) { visit_held(visit); };
    return source;
  }

  exports::Source export_source() override {
    return {newest_checkpoint().value_or(""),
            [this](std::uint64_t from, const auto& visit) { held().visit_entries(from, visit); },
            [this](std::uint64_t from, std::uint64_t end, const auto& visit) {
              held().visit_hashes(from, [&](std::uint64_t index, const merkle::Hash& hash) {
                return index < end && visit(hash);
              });
            },
            [this](const auto& visit) {
              held().visit_checkpoints(0, 0, [&](std::uint64_t size, entry::Micros, std::string_view note) {
                return visit(size, note);
              });
            }};
  }

  // What is printed waits for who reads it, and a ledger whose snapshot is held meanwhile reuses no page: so
  // none is.
  void visit(std::uint64_t from, const verify::Source::VisitEntry& visit) override {
    for (std::uint64_t seq = from; seq < size_;) {
      const auto batch = read(seq);
      snapshot_.reset();
      for (const Read& one : batch) {
        const verify::Openings given(one.openings);
        if (!visit(seq++, one.text, keys_ == nullptr ? nullptr : &given)) {
          return;
        }
      }
    }
  }

  void visit_texts(const std::function<bool(std::string_view)>& visit) override {
    held().visit_entries(0, [&](std::uint64_t, std::string_view text) { return visit(text); });
  }

  std::string entry(std::uint64_t seq) override { return std::string(held().entry(seq)); }

  std::optional<std::string> newest_checkpoint() override {
    auto checkpoint = held().newest_checkpoint();
    return checkpoint ? std::optional(std::move(checkpoint->note)) : std::nullopt;
  }

  std::vector<log::NamedKey> keys() override {
    auto named = log::named_keys(held());
    if (std::holds_alternative<std::string>(named)) {
      throw std::runtime_error(kNoKeys);
    }
    return std::get<std::vector<log::NamedKey>>(std::move(named));
  }

  std::vector<merkle::Hash> inclusion(std::uint64_t seq, std::uint64_t size) override {
    return merkle::inclusion_proof(seq, size, held().node_reader());
  }

 private:
  struct Keys {
    explicit Keys(const std::string& path) : folder(path, log::KeyUse::reader), as_of(changed()) {}
    std::filesystem::file_time_type changed() const {
      return std::filesystem::last_write_time(folder.path() / "epoch");
    }
    log::KeyFolder folder;
    log::Epochs epochs{folder};
    std::filesystem::file_time_type as_of;  // before the snapshot
  };
  struct Read {
    std::string text;
    std::vector<opening::FieldOpening> openings;  // none without keys
  };

  store::Snapshot& held() {
    if (!snapshot_) {
      snapshot_ = store_.snapshot();
    }
    return *snapshot_;
  }

  // kEntriesAtOnce at most, and at least one.
  std::vector<Read> read(std::uint64_t from) {
    std::vector<Read> batch;
    held().visit_entries(from, [&](std::uint64_t seq, std::string_view text) {
      if (seq >= size_) {
        return false;
      }
      batch.push_back({std::string(text), openings(seq)});
      return batch.size() < kEntriesAtOnce;
    });
    if (batch.empty()) {
      throw std::runtime_error("the ledger has no entry " + std::to_string(from) +
                               ": `chancery ledger verify` says what is wrong.");
    }
    return batch;
  }

  void visit_held(const verify::Source::VisitEntry& visit) {
    held().visit_entries(0, [&](std::uint64_t seq, std::string_view text) {
      const auto openings = this->openings(seq);
      const verify::Openings given(openings);
      return visit(seq, text, keys_ == nullptr ? nullptr : &given);
    });
  }

  // None without keys, when they or their key are gone, or when they are not what was sealed. A key that was
  // replaced since the snapshot cannot open its rows, which is no fault of theirs.
  std::vector<opening::FieldOpening> openings(std::uint64_t seq) {
    if (keys_ == nullptr) {
      return {};
    }
    const auto sealed = held().opening(seq);
    if (sealed.empty()) {
      return {};
    }
    auto openings = keys_->epochs.unseal(seq, sealed);
    if (!openings && keys_->changed() != keys_->as_of) {
      throw std::runtime_error("an erasure replaced keys while the ledger was read. Run it again.");
    }
    return std::move(openings).value_or(std::vector<opening::FieldOpening>{});
  }

  store::Store store_;
  std::unique_ptr<Keys> keys_;  // none: details are withheld
  std::optional<store::Snapshot> snapshot_;
  std::uint64_t size_;
};

// An export: details are never in one.
class ExportReader : public LedgerReader {
 public:
  explicit ExportReader(const std::string& folder) : folder_(folder), exported_(folder) {}

  std::string_view kind() const override { return "export"; }
  std::uint64_t size() override { return exported_.size(); }
  verify::Source source() override { return exported_.source(); }
  exports::Source export_source() override {
    throw std::invalid_argument(folder_ + " is an export already: copy the folder.");
  }
  void visit(std::uint64_t from, const verify::Source::VisitEntry& visit) override {
    exported_.visit(from, visit);
  }
  std::string entry(std::uint64_t seq) override {
    std::optional<std::string> found;
    exported_.visit(seq, [&](std::uint64_t, std::string_view text, const verify::Openings*) {
      found = text;
      return false;
    });
    if (!found) {
      throw std::runtime_error(folder_ + " has no entry " + std::to_string(seq) +
                               ": `chancery ledger verify` says what is wrong.");
    }
    return *found;
  }
  std::optional<std::string> newest_checkpoint() override {
    return exported_.checkpoint().empty() ? std::nullopt : std::optional(exported_.checkpoint());
  }
  std::vector<log::NamedKey> keys() override {
    std::vector<log::NamedKey> keys;
    entry::EntryView view;
    exported_.visit(0, [&](std::uint64_t seq, std::string_view text, const verify::Openings*) {
      const bool sound = !entry::parse_into(text, view);
      const bool names = sound && entry::find_event(view.event) != nullptr &&
                         (view.event == "log.genesis" || view.event.starts_with("log.key."));
      if (names && !log::name_keys(view, seq, keys)) {
        throw std::runtime_error(kNoKeys);
      }
      return true;
    });
    return keys;
  }
  std::vector<merkle::Hash> inclusion(std::uint64_t seq, std::uint64_t size) override {
    const auto read = [this](const std::string& path) {
      return exports::read_file(folder_ + "/" + path, exports::kTileWidth * exports::kHashBytes).value_or("");
    };
    return merkle::inclusion_proof(seq, size, exports::tile_reader(exported_.size(), read));
  }

 private:
  std::string folder_;
  verify::Exported exported_;
};

class ServiceReader : public LedgerReader {
 public:
  // Reads as a reader, so that nobody's connection is replaced.
  explicit ServiceReader(const std::string& socket) : client_(socket, service::Role::reader) {
    head_ = client_.head();
    try {
      static_cast<void>(client_.entries(0, 1, true));
    } catch (const service::Unavailable&) {  // neither the hub nor the administrator: no openings
      with_openings_ = false;
    }
    // Entries are being appended and checkpoints signed meanwhile. Every checkpoint of a size below that of
    // the newest is there now, and with it those that the entries below the head anchor.
    checkpoint_ = client_.checkpoint();
    covered_ = std::min(head_.size, size_of(checkpoint_.value_or("")));
  }

  std::string_view kind() const override { return "service"; }
  std::uint64_t size() override { return head_.size; }

  verify::Source source() override {
    verify::Source source;
    source.entries = [this](const verify::Source::VisitEntry& visit) { this->visit(0, visit); };
    source.checkpoints = [this](const auto& visit) { visit_checkpoints(visit); };
    source.head = [this] { return note::Checkpoint{head_.origin, head_.size, head_.root}; };
    return source;
  }

  exports::Source export_source() override { return service::export_source(client_); }

  void visit(std::uint64_t from, const verify::Source::VisitEntry& visit) override {
    fetch(from, with_openings_,
          [&](std::uint64_t seq, const service::StoredEntry& entry) { return visit_one(seq, entry, visit); });
  }

  void visit_texts(const std::function<bool(std::string_view)>& visit) override {
    fetch(0, false, [&](std::uint64_t, const service::StoredEntry& entry) { return visit(entry.text); });
  }

  std::string entry(std::uint64_t seq) override {
    const auto entries = client_.entries(seq, 1, false);
    if (entries.empty()) {
      throw service::Unavailable("the ledger service does not answer entry " + std::to_string(seq) + ".");
    }
    return entries.front().text;
  }

  std::optional<std::string> newest_checkpoint() override { return checkpoint_; }

  std::vector<log::NamedKey> keys() override {
    std::vector<log::NamedKey> keys;
    for (const service::LogKey& one : client_.keys()) {
      auto key = note::VerifierKey::parse(one.vkey);
      if (!key) {
        throw std::runtime_error(kNoKeys);
      }
      keys.push_back({{one.seq, *std::move(key), one.last_trusted_size}, std::nullopt});
    }
    return keys;
  }

  std::vector<merkle::Hash> inclusion(std::uint64_t seq, std::uint64_t size) override {
    return client_.inclusion(seq, size);
  }

 private:
  template <typename Visit>
  void fetch(std::uint64_t from, bool with_openings, const Visit& visit) {
    for (std::uint64_t seq = from; seq < head_.size;) {
      const auto count =
          static_cast<std::uint32_t>(std::min<std::uint64_t>(kEntriesAtOnce, head_.size - seq));
      const auto entries = client_.entries(seq, count, with_openings);
      if (entries.empty()) {
        throw service::Unavailable("the ledger service does not answer entry " + std::to_string(seq) + ".");
      }
      for (const service::StoredEntry& entry : entries) {
        if (!visit(seq++, entry)) {
          return;
        }
      }
    }
  }

  // 0 for what is no checkpoint.
  static std::uint64_t size_of(const std::string& checkpoint) {
    const auto note = note::parse_note(checkpoint);
    const auto* parsed = std::get_if<note::Note>(&note);
    const auto head = parsed != nullptr ? note::parse_checkpoint(parsed->text) : std::nullopt;
    return head ? head->size : 0;
  }

  // Those of at most covered_ entries.
  void visit_checkpoints(const std::function<bool(std::uint64_t, std::string_view)>& visit) {
    std::uint64_t size = 0;
    entry::Micros time = 0;
    for (;;) {
      const auto some = client_.checkpoints(size, time, kEntriesAtOnce);
      if (some.empty()) {
        return;
      }
      for (const service::StoredCheckpoint& one : some) {
        if (one.size > covered_ || !visit(one.size, one.note)) {
          return;
        }
      }
      size = some.back().size;
      time = some.back().time + 1;
    }
  }

  bool visit_one(std::uint64_t seq, const service::StoredEntry& entry,
                 const verify::Source::VisitEntry& visit) const {
    if (!with_openings_) {
      return visit(seq, entry.text, nullptr);
    }
    std::vector<opening::FieldOpening> openings;
    for (const auto& [field, opening] : entry.openings) {
      openings.push_back({field, opening});
    }
    const verify::Openings given(openings);
    return visit(seq, entry.text, &given);
  }

  service::Client client_;
  bool with_openings_ = true;
  std::optional<std::string> checkpoint_;  // the newest
  std::uint64_t covered_ = 0;
  service::Head head_;
};

}  // namespace

void LedgerReader::visit_texts(const std::function<bool(std::string_view)>& visit) {
  this->visit(0, [&](std::uint64_t, std::string_view text, const verify::Openings*) { return visit(text); });
}

std::unique_ptr<LedgerReader> open_ledger(const std::string& where, const std::string& keys) {
  if (std::filesystem::is_socket(where)) {
    if (!keys.empty()) {
      throw std::invalid_argument(
          "--keys goes with the folder of a ledger: a running service has its keys itself.");
    }
    return std::make_unique<ServiceReader>(where);
  }
  if (!std::filesystem::is_directory(where)) {
    throw std::invalid_argument(where +
                                " is neither the folder of a ledger nor the socket of chancery-ledgerd.");
  }
  if (verify::Exported::is_one(where)) {
    if (!keys.empty()) {
      throw std::invalid_argument("--keys goes with the folder of a ledger: an export has no details.");
    }
    return std::make_unique<ExportReader>(where);
  }
  return std::make_unique<FolderReader>(where, keys);
}

entry::Erasures erasures_of(LedgerReader& ledger) {
  entry::Erasures erasures;
  entry::EntryView view;
  ledger.visit_texts([&](std::string_view text) {
    // Few entries are; those that only look so are parsed for nothing.
    const bool told = text.find("\nevent detail.erased\n") != std::string_view::npos ||
                      text.find("\nevent erasure.begun\n") != std::string_view::npos;
    if (told && !entry::parse_into(text, view)) {
      static_cast<void>(erasures.add(view));  // `chancery ledger verify` judges it
    }
    return true;
  });
  return erasures;
}

std::vector<note::VerifierKey> keys_good_for(LedgerReader& ledger, std::uint64_t size) {
  std::vector<note::VerifierKey> keys;
  for (log::NamedKey& named : ledger.keys()) {
    if (named.is_good_for(size)) {
      keys.push_back(std::move(named.key));
    }
  }
  if (keys.empty()) {
    throw std::runtime_error(kNoKeys);
  }
  return keys;
}

}  // namespace chancery::cli
