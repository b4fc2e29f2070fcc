#pragma once

#include "daemon/session/handles.h"
#include "daemon/session/host_key.h"

namespace chancery::session {

struct HostKey::Key {
  KeyHandle handle;
};

}  // namespace chancery::session
