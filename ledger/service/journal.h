#pragma once

#include <string_view>

// Lines for whoever runs the service: on stderr, with systemd's priority in front when that is the journal.
namespace chancery::service {

enum class Priority { error = 3, warning = 4, notice = 5, info = 6 };

// One line; what could break out of it (control characters, other bytes than ASCII) becomes '?'. Thread-safe.
void say(Priority priority, std::string_view line);

// State changes for systemd (sd_notify), without effect when it is not the parent: "READY=1", "STOPPING=1",
// ...
void notify(const char* state);

}  // namespace chancery::service
