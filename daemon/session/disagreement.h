#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "policies/hub/hub.h"

namespace chancery::session {

// What an operator is told of a client that has no algorithm in common with the hub: which client, what kind
// of algorithm, what it has and what the hub has, and whether `algorithms = "compatible"` would have offered
// it one. A clause without a full stop, at most 1,000 bytes, in which what the client said is not escaped.
//
// `said` is libssh's error, the only place where it gives out a client's lists; at most 1,023 bytes of it,
// so the end of a long list is unknown, and nothing is concluded from its absence. `client` is how the client
// introduced itself. nullopt if libssh's error is about something else.
std::optional<std::string> explain_disagreement(std::string_view said, std::string_view client,
                                                hub::Algorithms offered);

}  // namespace chancery::session
