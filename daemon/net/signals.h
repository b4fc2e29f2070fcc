#pragma once

#include <functional>

namespace chancery::net {

// Waits for SIGTERM or SIGINT and answers its number; calls `reload` for every SIGHUP meanwhile, on this
// thread. Ignores SIGPIPE for the whole process. To be called by one thread only.
int wait_for_stop(const std::function<void()>& reload);

}  // namespace chancery::net
