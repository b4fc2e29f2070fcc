#pragma once

#include <functional>

namespace chancery::net {

// Waits for SIGTERM or SIGINT and answers its number; calls `reload` for every SIGHUP meanwhile, on this
// thread. Unblocks the three on this thread and ignores SIGPIPE for the whole process. To be called by one
// thread only; to keep the signals from others, block them before those are made.
int wait_for_stop(const std::function<void()>& reload);

}  // namespace chancery::net
