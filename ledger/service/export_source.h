#pragma once

#include "ledger/exports/exports.h"
#include "ledger/service/client.h"

namespace chancery::service {

// A running service as what an export is written from; `client` must outlive it. The checkpoint is the newest
// as of now, and empty when there is none yet. Throws Unavailable, and so do its functions.
exports::Source export_source(Client& client);

}  // namespace chancery::service
