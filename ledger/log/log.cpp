#include "ledger/log/log.h"

#include <algorithm>
#include <ctime>
#include <future>
#include <mutex>

#include "ledger/log/epochs.h"
#include "ledger/log/erasure.h"
#include "ledger/log/log_keys.h"
#include "ledger/log/prepare.h"
#include "ledger/log/rotation.h"
#include "ledger/log/writer.h"

namespace chancery::log {
namespace {

entry::Micros read_clock(clockid_t id) {
  timespec now{};
  ::clock_gettime(id, &now);
  return entry::Micros{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

void check_origin(const std::string& origin) {
  const bool fits = entry::is_value(origin) && origin.size() <= 255 && origin.find('+') == std::string::npos;
  if (!fits) {
    throw Error(
        "the origin must be 1 to 255 printable ASCII characters without spaces and plus signs, such as "
        "hub.example.org/ledger");
  }
}

store::Store open_store(const Options& options) {
  check_origin(options.origin);
  try {
    return store::Store::open(options.folder, store::Mode::read_write, options.map_bytes);
  } catch (const store::Error& error) {
    throw Error(error.what());
  }
}

}  // namespace

Clock Clock::system() {
  return {[] { return read_clock(CLOCK_REALTIME); }, [] { return read_clock(CLOCK_MONOTONIC); }};
}

struct Log::State {
  explicit State(Options given)
      : options(std::move(given)),
        store(open_store(options)),
        folder(options.keys),
        keys(ready_keys()),
        read_epochs(folder),
        writer(store, folder, keys, options, ready_chain()),
        rotation(store, keys, writer),
        erasure(store, folder, writer, options) {
    if (!damage.empty()) writer.refuse(damage);
    if (writer.head().writable && writer.head().size == 0) {
      writer.begin_ledger(genesis_event(keys, options.origin));
    }
    bind_keys();
    erasure.find();
    writer.do_between([this] { return erasure.step(); });
  }

  bool is_new() const { return store.snapshot().entries() == 0; }

  // The keys of this ledger; made only when there is neither a ledger nor a trace of an earlier one.
  LogKeys ready_keys() const {
    if (is_new()) {
      if (folder.holds(kLedgerFile)) {
        throw Error(options.folder.string() + " holds no ledger, but the keys in " + folder.path().string() +
                    " have signed one: restore it, or begin a new one with a new folder for the keys");
      }
      return LogKeys::begin(folder, options.origin);
    }
    const auto snapshot = store.snapshot();
    compare_origin(snapshot);
    return LogKeys::open(folder, options.origin, snapshot);
  }

  // Another origin in the configuration would make every later entry wrong. What is damaged is found later.
  void compare_origin(const store::Snapshot& snapshot) const {
    std::string origin = options.origin;
    try {
      entry::EntryView genesis;
      if (snapshot.size() == 0 || entry::parse_into(snapshot.entry(0), genesis)) return;
      origin = genesis.plain_value("origin").value_or(origin);
    } catch (const store::Error& error) {
      if (error.fault() != store::Fault::damaged) throw;
    }
    if (origin == options.origin) return;
    throw Error("this ledger's origin is " + origin + ", the configuration says " + options.origin);
  }

  // The end of the ledger; `damage` says when it is not in order.
  Chain ready_chain() {
    const auto snapshot = store.snapshot();
    try {
      auto chain = sound_chain(snapshot);
      if (auto* sound = std::get_if<Chain>(&chain)) {
        check_epoch_key(snapshot.size());
        return std::move(*sound);
      }
      damage = std::get<std::string>(chain);
    } catch (const store::Error& error) {
      if (error.fault() != store::Fault::damaged) throw;
      damage = error.what();
    }
    if (const auto why = store.refuses_commits()) {
      damage = *why;
    } else {
      damage.insert(0, "the ledger is damaged: ");
    }
    return Chain(options.origin);
  }

  // Or what is wrong with it.
  std::variant<Chain, std::string> sound_chain(const store::Snapshot& snapshot) const {
    const auto named = named_keys(snapshot);
    if (const auto* why = std::get_if<std::string>(&named)) return *why;
    if (auto why = store.refuses_commits()) return *std::move(why);
    auto chain = Chain::from(snapshot, options.origin);
    if (std::holds_alternative<std::string>(chain)) return chain;
    for (const auto& head : {read_signed_head(snapshot), read_signed_head(folder)})
      if (auto why = head ? contradiction(snapshot, *head) : std::nullopt) return *std::move(why);
    return chain;
  }

  void check_epoch_key(std::uint64_t size) const {
    const std::uint64_t epoch = size / opening::kEpochSize;
    if (size % opening::kEpochSize != 0 && !read_epoch_key(folder, epoch) &&
        !read_next_epoch_key(folder, epoch)) {
      throw Error((folder.path() / "epoch" / std::to_string(epoch)).string() +
                  ": the key of the present epoch is missing; restore it from a backup");
    }
  }

  // Ties the keys to this ledger, or finds that they are tied to another.
  void bind_keys() const {
    if (!damage.empty()) return;  // nothing will be signed, and the first entry may be what is damaged
    const auto snapshot = store.snapshot();
    if (!folder.holds(kLedgerFile)) return folder.create(kLedgerFile, merkle::leaf_hash(snapshot.entry(0)));
    if (!are_keys_of(folder, snapshot.entry(0))) {
      throw Error(folder.path().string() + ": these keys belong to another ledger");
    }
  }

  std::vector<opening::FieldOpening> openings(const store::Snapshot& snapshot, std::uint64_t seq) {
    const auto sealed = snapshot.opening(seq);
    if (sealed.empty()) return {};
    const std::scoped_lock lock(read_mutex);
    return read_epochs.unseal(seq, sealed).value_or(std::vector<opening::FieldOpening>{});
  }

  void visit_entries(std::uint64_t from, std::size_t most, bool with_openings, const Visit& visit) {
    const auto snapshot = store.snapshot();
    if (most == 0 || from >= snapshot.size()) return;
    std::size_t visited = 0, bytes = 0;
    snapshot.visit_entries(from, [&](std::uint64_t seq, std::string_view text) {
      std::vector<opening::FieldOpening> opened;
      if (with_openings) opened = openings(snapshot, seq);
      bytes += text.size();
      for (const auto& [field, opening] : opened)
        bytes += field.size() + opening.value.size() + sizeof(opening);
      if (visited > 0 && bytes > kMaxReadBytes) return false;
      visit(text, opened);
      return ++visited < most;
    });
  }

  Options options;
  store::Store store;
  KeyFolder folder;
  LogKeys keys;
  std::mutex read_mutex;
  Epochs read_epochs;  // guarded by read_mutex
  std::string damage;
  Writer writer;
  Rotation rotation;
  Erasure erasure;
};

Log::Log(Options options) {
  try {
    state_ = std::make_unique<State>(std::move(options));
    state_->writer.start();
  } catch (const store::Error& error) {
    throw Error(error.what());
  }
}

Log::~Log() { close(); }

void Log::close() {
  state_->writer.close();
  state_->erasure.abandon();
}

void Log::submit(entry::Author author, std::vector<entry::Event> batch, Done done) {
  const auto refuse = [&](std::string reason) { done({Outcome::refused, {}, {}, std::move(reason)}); };
  if (batch.empty() || batch.size() > kMaxBatch) return refuse("a batch has 1 to 1,024 events");
  if (state_->writer.is_full()) return done({Outcome::busy, {}, {}, "the ledger is busy; try again later"});
  auto prepared = prepare(std::move(batch), author, state_->options.origin);
  if (auto* why = std::get_if<std::string>(&prepared)) return refuse(std::move(*why));
  Writer::Work work;
  work.batch = std::get<std::vector<Prepared>>(std::move(prepared));
  work.done = std::move(done);
  state_->writer.submit(std::move(work));
}

Appended Log::append(entry::Author author, std::vector<entry::Event> batch) {
  std::promise<Appended> answer;
  auto future = answer.get_future();
  submit(author, std::move(batch), [&](Appended appended) { answer.set_value(std::move(appended)); });
  return future.get();
}

void Log::when_drained(std::function<void()> done) {
  state_->writer.submit({{}, [done = std::move(done)](const Appended&) { done(); }});
}

void Log::change_key(KeyChange change, std::function<void(KeyChanged)> done) {
  Writer::Work work;
  work.done = [done](const Appended& turned_away) { done({turned_away.outcome, 0, {}, turned_away.reason}); };
  work.task = [this, change = std::move(change), done = std::move(done)] {
    done(state_->rotation.apply(change));
  };
  state_->writer.submit(std::move(work));
}

std::vector<LogKey> Log::keys() const {
  const auto named = named_keys(state_->store.snapshot());
  if (const auto* why = std::get_if<std::string>(&named)) throw Error(*why);
  std::vector<LogKey> keys;
  for (const NamedKey& one : std::get<std::vector<NamedKey>>(named)) {
    keys.push_back({one.seq, one.key.text(), one.last_trusted_size});
  }
  return keys;
}

void Log::erase(Erase request, Done done) {
  Writer::Work work;
  work.done = done;
  work.task = [this, request = std::move(request), done = std::move(done)] {
    state_->erasure.begin(request, done);
  };
  state_->writer.submit(std::move(work));
}

void Log::change_hold(HoldChange change, Done done) {
  Writer::Work work;
  work.done = done;
  work.task = [this, change = std::move(change), done = std::move(done)] {
    done(state_->erasure.change_hold(change));
  };
  state_->writer.submit(std::move(work));
}

std::vector<Hold> Log::holds() const { return read_holds(state_->store.snapshot()); }

const std::string& Log::origin() const { return state_->options.origin; }

Head Log::head() const {
  Head head = state_->writer.head();
  if (!state_->damage.empty()) {  // what is stored, since there is no chain to go by
    const auto snapshot = state_->store.snapshot();
    head.size = snapshot.size();
    head.root = snapshot.root();
  }
  return head;
}

std::vector<StoredEntry> Log::entries(std::uint64_t from, std::size_t count, bool with_openings) const {
  std::vector<StoredEntry> found;
  const auto keep = [&](std::string_view text, std::span<const opening::FieldOpening> openings) {
    found.push_back({std::string(text), {openings.begin(), openings.end()}});
  };
  while (!visit_entries(from, count, with_openings, keep)) found.clear();
  return found;
}

bool Log::visit_entries(std::uint64_t from, std::size_t count, bool with_openings, const Visit& visit) const {
  const auto changes = state_->folder.changes();
  state_->visit_entries(from, std::min(count, kMaxBatch), with_openings, visit);
  // A key may have been destroyed between the view of the rows and their opening.
  return !with_openings || state_->folder.changes() == changes;
}

std::optional<std::uint64_t> Log::find(const entry::EventId& id) const {
  return state_->store.snapshot().find(id);
}

std::optional<std::vector<merkle::Hash>> Log::inclusion(std::uint64_t seq, std::uint64_t size) const {
  const auto snapshot = state_->store.snapshot();
  if (seq >= size || size > snapshot.size()) return std::nullopt;
  return merkle::inclusion_proof(seq, size, snapshot.node_reader());
}

std::optional<std::vector<merkle::Hash>> Log::consistency(std::uint64_t old_size, std::uint64_t size) const {
  const auto snapshot = state_->store.snapshot();
  if (old_size > size || size > snapshot.size()) return std::nullopt;
  return merkle::consistency_proof(old_size, size, snapshot.node_reader());
}

std::optional<std::string> Log::checkpoint() const {
  const auto newest = state_->store.snapshot().newest_checkpoint();
  return newest ? std::optional(newest->note) : std::nullopt;
}

std::vector<merkle::Hash> Log::hashes(std::uint64_t from, std::size_t count) const {
  std::vector<merkle::Hash> found;
  const std::size_t most = std::min(count, kMaxReadHashes);
  if (most == 0) return found;
  state_->store.snapshot().visit_hashes(from, [&](std::uint64_t, const merkle::Hash& hash) {
    found.push_back(hash);
    return found.size() < most;
  });
  return found;
}

std::vector<store::StoredCheckpoint> Log::checkpoints(std::uint64_t from_size, entry::Micros from_time,
                                                      std::size_t count) const {
  std::vector<store::StoredCheckpoint> found;
  const std::size_t most = std::min(count, kMaxBatch);
  if (most == 0) return found;
  std::size_t bytes = 0;
  state_->store.snapshot().visit_checkpoints(
      from_size, from_time, [&](std::uint64_t size, entry::Micros time, std::string_view note) {
        bytes += note.size();
        if (!found.empty() && bytes > kMaxReadBytes) return false;
        found.push_back({size, time, std::string(note)});
        return found.size() < most;
      });
  return found;
}

}  // namespace chancery::log
