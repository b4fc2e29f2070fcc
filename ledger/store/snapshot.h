#pragma once

#include "ledger/store/environment.h"

namespace chancery::store {

struct Snapshot::State {
  TxnPtr txn;
  Tables tables;
};

}  // namespace chancery::store
