#pragma once

#include <string>

#include "daemon/transfer/exchange.h"
#include "ledger/service/client.h"

namespace chancery::start {

// The ledger's past, read through the service a few hundred entries at a time; visiting it throws
// std::runtime_error for an entry that is none, and service::Unavailable. `client` must outlive it.
transfer::Past past_of(service::Client& client, const service::Head& head);

// Waits until the service answers and returns its head. Throws std::runtime_error when it does not within a
// minute, has another origin, or takes no entries: a hub that cannot record must not start.
service::Head wait_for_ledger(service::Client& client, const std::string& origin, const transfer::Log& log);

}  // namespace chancery::start
