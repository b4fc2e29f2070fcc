#pragma once

#include <memory>
#include <string>

#include <libssh/libssh.h>
#include <libssh/server.h>

// libssh's handles, owned. Included by this module's .cpp files only.
namespace chancery::session {

template <auto release>
struct Release {
  template <typename Handle>
  void operator()(Handle* handle) const noexcept {
    release(handle);
  }
};

using SessionHandle = std::unique_ptr<ssh_session_struct, Release<ssh_free>>;
using BindHandle = std::unique_ptr<ssh_bind_struct, Release<ssh_bind_free>>;
using EventHandle = std::unique_ptr<ssh_event_struct, Release<ssh_event_free>>;
using KeyHandle = std::unique_ptr<ssh_key_struct, Release<ssh_key_free>>;

// The name of a plain key's type, or nullptr: certificates, hardware keys and what else libssh reads are not
// accepted, because nothing here validates what is special about them.
const char* plain_type(ssh_key key);
// "SHA256:" and base64; empty if it cannot be had.
std::string fingerprint_of(ssh_key key);
// The key blob in base64, as in authorized_keys; empty if it cannot be had.
std::string blob_of(ssh_key key);

}  // namespace chancery::session
