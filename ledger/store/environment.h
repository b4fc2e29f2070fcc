#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <lmdb.h>

#include "ledger/store/store.h"

// LMDB's handles with their release functions, its return codes as Error, and keys that sort as numbers do.
namespace chancery::store {

template <auto kRelease>
struct Release {
  template <typename T>
  void operator()(T* handle) const {
    kRelease(handle);
  }
};
using EnvPtr = std::unique_ptr<MDB_env, Release<mdb_env_close>>;
using TxnPtr = std::unique_ptr<MDB_txn, Release<mdb_txn_abort>>;
using CursorPtr = std::unique_ptr<MDB_cursor, Release<mdb_cursor_close>>;

struct Tables {
  MDB_dbi entry = 0, node = 0, id = 0, opening = 0, checkpoint = 0, meta = 0;
};

// Throws the Error that an LMDB return code stands for, saying `what` could not be done; MDB_SUCCESS passes.
void check(int code, std::string_view what);

TxnPtr begin(MDB_env* env, unsigned flags);
CursorPtr cursor(MDB_txn* txn, MDB_dbi table);
std::uint64_t rows(MDB_txn* txn, MDB_dbi table);

using Key = std::array<std::uint8_t, 8>;
Key big_endian(std::uint64_t number);
std::uint64_t from_big_endian(std::span<const std::uint8_t> bytes);
using CheckpointKey = std::array<std::uint8_t, 16>;
CheckpointKey checkpoint_key(std::uint64_t size, entry::Micros time);

// LMDB takes pointers to mutable bytes but does not write through those it is given to read.
MDB_val value_of(std::span<const std::uint8_t> bytes);
MDB_val value_of(std::string_view text);
std::span<const std::uint8_t> bytes_of(const MDB_val& value);
std::string_view text_of(const MDB_val& value);

}  // namespace chancery::store
