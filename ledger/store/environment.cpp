#include "ledger/store/environment.h"

#include <algorithm>

namespace chancery::store {

void check(int code, std::string_view what) {
  if (code == MDB_SUCCESS) return;
  const std::string message = std::string(what) + ": " + mdb_strerror(code);
  switch (code) {
    case MDB_MAP_FULL:
      throw Error(Fault::full, message + " (give the ledger a larger map)");
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
    case MDB_NOTFOUND:
    case MDB_KEYEXIST:
    case MDB_BAD_VALSIZE:
      throw Error(Fault::damaged, message);
    default:
      throw Error(Fault::failed, message);
  }
}

TxnPtr begin(MDB_env* env, unsigned flags) {
  MDB_txn* txn = nullptr;
  check(mdb_txn_begin(env, nullptr, flags, &txn), "the ledger's tables cannot be opened");
  return TxnPtr(txn);
}

CursorPtr cursor(MDB_txn* txn, MDB_dbi table) {
  MDB_cursor* handle = nullptr;
  check(mdb_cursor_open(txn, table, &handle), "a table cannot be read");
  return CursorPtr(handle);
}

std::uint64_t rows(MDB_txn* txn, MDB_dbi table) {
  MDB_stat stat{};
  check(mdb_stat(txn, table, &stat), "a table cannot be counted");
  return stat.ms_entries;
}

Key big_endian(std::uint64_t number) {
  Key key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(number >> (56 - 8 * i));
  return key;
}

std::uint64_t from_big_endian(std::span<const std::uint8_t> bytes) {
  std::uint64_t number = 0;
  for (const std::uint8_t byte : bytes.first<8>()) number = number << 8 | byte;
  return number;
}

CheckpointKey checkpoint_key(std::uint64_t size, entry::Micros time) {
  CheckpointKey key{};
  std::ranges::copy(big_endian(size), key.begin());
  std::ranges::copy(big_endian(static_cast<std::uint64_t>(time)), key.begin() + 8);
  return key;
}

MDB_val value_of(std::span<const std::uint8_t> bytes) {
  return {bytes.size(), const_cast<std::uint8_t*>(bytes.data())};
}

MDB_val value_of(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }

std::span<const std::uint8_t> bytes_of(const MDB_val& value) {
  return {static_cast<const std::uint8_t*>(value.mv_data), value.mv_size};
}

std::string_view text_of(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

}  // namespace chancery::store
