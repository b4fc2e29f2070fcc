#pragma once

#include "ledger/store/environment.h"
#include "ledger/store/pages_read.h"

namespace chancery::store {

struct Snapshot::State {
  TxnPtr txn;
  Tables tables;
  PagesRead pages;
};

}  // namespace chancery::store
