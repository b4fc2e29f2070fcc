#include "ledger/store/snapshot.h"

#include <algorithm>

namespace chancery::store {
namespace {

[[noreturn]] void damaged(const std::string& where) { throw Error(Fault::damaged, where); }

merkle::Hash hash_of(const MDB_val& value, const std::string& where) {
  if (value.mv_size != merkle::Hash{}.size()) damaged(where + " is not 32 bytes");
  merkle::Hash hash{};
  std::ranges::copy(bytes_of(value), hash.begin());
  return hash;
}

// Walks a table of numbered rows; `use` answers false to stop.
template <typename Use>
void walk(MDB_txn* txn, MDB_dbi table, std::optional<PagesRead>& pages, std::uint64_t from,
          const std::string& what, const Use& use) {
  const CursorPtr handle = cursor(txn, table);
  const Key first = big_endian(from);
  MDB_val key = value_of(first);
  MDB_val value{};
  std::uint64_t expected = from;
  for (int code = mdb_cursor_get(handle.get(), &key, &value, MDB_SET_RANGE); code != MDB_NOTFOUND;
       code = mdb_cursor_get(handle.get(), &key, &value, MDB_NEXT), ++expected) {
    // The sentence is only made when it is needed: this runs for every row there is.
    if (code != MDB_SUCCESS) check(code, what + " " + std::to_string(expected) + " cannot be read");
    if (key.mv_size != first.size() || from_big_endian(bytes_of(key)) != expected) {
      damaged(what + " " + std::to_string(expected) + " is missing");
    }
    if (pages) pages->add(value.mv_data, value.mv_size);
    if (!use(expected, value)) return;
  }
}

}  // namespace

Snapshot::Snapshot(std::unique_ptr<State> state) : state_(std::move(state)) {}
Snapshot::~Snapshot() = default;
Snapshot::Snapshot(Snapshot&&) noexcept = default;
Snapshot& Snapshot::operator=(Snapshot&&) noexcept = default;

std::optional<std::string> Snapshot::meta(std::string_view name) const {
  MDB_val key = value_of(name);
  MDB_val value{};
  const int code = mdb_get(state_->txn.get(), state_->tables.meta, &key, &value);
  if (code == MDB_NOTFOUND) return std::nullopt;
  check(code, "the table meta cannot be read");
  return std::string(text_of(value));
}

std::uint64_t Snapshot::size() const {
  MDB_val key = value_of("size");
  MDB_val value{};
  check(mdb_get(state_->txn.get(), state_->tables.meta, &key, &value), "meta has no size");
  if (value.mv_size != 8) damaged("the size in meta is not 8 bytes");
  return from_big_endian(bytes_of(value));
}

merkle::Hash Snapshot::root() const {
  MDB_val key = value_of("root");
  MDB_val value{};
  check(mdb_get(state_->txn.get(), state_->tables.meta, &key, &value), "meta has no root");
  return hash_of(value, "the root in meta");
}

std::string_view Snapshot::entry(std::uint64_t seq) const {
  const Key name = big_endian(seq);
  MDB_val key = value_of(name);
  MDB_val value{};
  check(mdb_get(state_->txn.get(), state_->tables.entry, &key, &value),
        "entry " + std::to_string(seq) + " cannot be read");
  if (state_->pages) state_->pages->add_alone(value.mv_data, value.mv_size);
  return text_of(value);
}

std::span<const std::uint8_t> Snapshot::opening(std::uint64_t seq) const {
  const Key name = big_endian(seq);
  MDB_val key = value_of(name);
  MDB_val value{};
  const int code = mdb_get(state_->txn.get(), state_->tables.opening, &key, &value);
  if (code == MDB_NOTFOUND) return {};
  check(code, "the openings of entry " + std::to_string(seq) + " cannot be read");
  if (state_->pages) state_->pages->add_alone(value.mv_data, value.mv_size);
  return bytes_of(value);
}

merkle::Hash Snapshot::stored_hash(std::uint64_t index) const {
  const Key name = big_endian(index);
  MDB_val key = value_of(name);
  MDB_val value{};
  const int code = mdb_get(state_->txn.get(), state_->tables.node, &key, &value);
  if (code != MDB_SUCCESS) check(code, "stored hash " + std::to_string(index) + " cannot be read");
  if (state_->pages) state_->pages->add_alone(value.mv_data, value.mv_size);
  return hash_of(value, "a stored hash");
}

std::uint64_t Snapshot::stored_hashes() const { return rows(state_->txn.get(), state_->tables.node); }
std::uint64_t Snapshot::entries() const { return rows(state_->txn.get(), state_->tables.entry); }
std::uint64_t Snapshot::ids() const { return rows(state_->txn.get(), state_->tables.id); }

merkle::NodeReader Snapshot::node_reader() const {
  return [this](std::uint64_t index) { return stored_hash(index); };
}

std::optional<std::uint64_t> Snapshot::find(const entry::EventId& id) const {
  MDB_val key = value_of(id);
  MDB_val value{};
  const int code = mdb_get(state_->txn.get(), state_->tables.id, &key, &value);
  if (code == MDB_NOTFOUND) return std::nullopt;
  check(code, "the table id cannot be read");
  if (value.mv_size != 8) damaged("the row of id " + entry::to_hex(id) + " is not 8 bytes");
  if (state_->pages) state_->pages->add_alone(value.mv_data, value.mv_size);
  return from_big_endian(bytes_of(value));
}

void Snapshot::visit_entries(std::uint64_t from, const Visit& visit) const {
  walk(state_->txn.get(), state_->tables.entry, state_->pages, from, "entry",
       [&](std::uint64_t seq, const MDB_val& value) { return visit(seq, text_of(value)); });
}

void Snapshot::visit_openings(
    std::uint64_t from,
    const std::function<bool(std::uint64_t, std::span<const std::uint8_t>)>& visit) const {
  const CursorPtr handle = cursor(state_->txn.get(), state_->tables.opening);
  const Key first = big_endian(from);
  MDB_val key = value_of(first);
  MDB_val value{};
  for (int code = mdb_cursor_get(handle.get(), &key, &value, MDB_SET_RANGE); code != MDB_NOTFOUND;
       code = mdb_cursor_get(handle.get(), &key, &value, MDB_NEXT)) {
    check(code, "the table opening cannot be read");
    if (key.mv_size != first.size()) damaged("the key of an opening is not 8 bytes");
    if (state_->pages) state_->pages->add(value.mv_data, value.mv_size);
    if (!visit(from_big_endian(bytes_of(key)), bytes_of(value))) return;
  }
}

void Snapshot::visit_hashes(std::uint64_t from,
                            const std::function<bool(std::uint64_t, const merkle::Hash&)>& visit) const {
  walk(state_->txn.get(), state_->tables.node, state_->pages, from, "stored hash",
       [&](std::uint64_t index, const MDB_val& value) {
         return visit(index, hash_of(value, "a stored hash"));
       });
}

void Snapshot::visit_checkpoints(std::uint64_t from_size, entry::Micros from_time,
                                 const VisitCheckpoint& visit) const {
  const CursorPtr handle = cursor(state_->txn.get(), state_->tables.checkpoint);
  const CheckpointKey first = checkpoint_key(from_size, from_time);
  MDB_val key = value_of(first);
  MDB_val value{};
  for (int code = mdb_cursor_get(handle.get(), &key, &value, MDB_SET_RANGE); code != MDB_NOTFOUND;
       code = mdb_cursor_get(handle.get(), &key, &value, MDB_NEXT)) {
    check(code, "the table checkpoint cannot be read");
    if (key.mv_size != 16) damaged("a checkpoint's key is not 16 bytes");
    const auto name = bytes_of(key);
    const auto time = static_cast<entry::Micros>(from_big_endian(name.subspan(8)));
    if (state_->pages) state_->pages->add_alone(value.mv_data, value.mv_size);
    if (!visit(from_big_endian(name), time, text_of(value))) return;
  }
}

std::optional<StoredCheckpoint> Snapshot::newest_checkpoint() const {
  const CursorPtr handle = cursor(state_->txn.get(), state_->tables.checkpoint);
  MDB_val key{};
  MDB_val value{};
  const int code = mdb_cursor_get(handle.get(), &key, &value, MDB_LAST);
  if (code == MDB_NOTFOUND) return std::nullopt;
  check(code, "the table checkpoint cannot be read");
  if (key.mv_size != 16) damaged("a checkpoint's key is not 16 bytes");
  const auto name = bytes_of(key);
  return StoredCheckpoint{from_big_endian(name), static_cast<entry::Micros>(from_big_endian(name.subspan(8))),
                          std::string(text_of(value))};
}

}  // namespace chancery::store
