#pragma once

#include <optional>

#include "ledger/store/environment.h"
#include "ledger/store/pages_read.h"

namespace chancery::store {

struct Snapshot::State {
  TxnPtr txn;
  Tables tables;
  std::optional<PagesRead> pages;  // none: what was read stays mapped
};

}  // namespace chancery::store
