#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <libssh/libssh.h>

#include "daemon/session/session.h"

namespace chancery::session {

// Who may log in on one connection. The only place where a connection gets an identity, and only from a key
// whose signature libssh has verified; whoever has none gets no channel.
class Login {
 public:
  struct Settings {
    std::string address;
    std::uint32_t attempts = 0;  // keys or other methods that may fail
    // Whether this account may have one more session; asked once, after the signature.
    std::function<bool(const std::string& user)> admit;
  };
  Login(const Hooks& hooks, Settings settings) : hooks_(hooks), settings_(std::move(settings)) {}

  // A key that was offered (a probe) or used, as libssh tells it. Answers libssh's SSH_AUTH_SUCCESS or
  // DENIED.
  int public_key(const char* user, ssh_key key, ssh_publickey_state_e state);
  // Any other method: denied, and counted.
  int other_method();

  // Who has logged in, if anyone.
  const std::optional<Peer>& peer() const { return peer_; }
  // Why the connection must be closed, if it must.
  const std::optional<Refusal>& refusal() const { return refusal_; }

 private:
  int deny();
  int bind(const std::string& user, ssh_key key);

  const Hooks& hooks_;
  Settings settings_;
  std::uint32_t failed_ = 0;
  std::optional<Peer> peer_;
  std::optional<Refusal> refusal_;
};

}  // namespace chancery::session
