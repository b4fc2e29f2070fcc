#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "daemon/sftp/message.h"

// What an SSH session needs of the rest of the hub, and what it tells it. The session knows nothing of
// accounts, trees or files: it is given functions.
namespace chancery::session {

// Who has logged in: bound once, when the signature of the named key over this connection was verified.
struct Peer {
  std::string user;
  std::string key_fingerprint;  // "SHA256:" and unpadded base64, as ssh-keygen -l prints it
  std::string address;          // of the client: an IP address without port
};

// Takes the answer to one request. May be called from any thread, also within `request` and after the session
// has ended (then it does nothing). Only the first call counts; if the last copy is destroyed without a call,
// the client is answered with failure. A refusal's sentence is also written to the client's stderr.
using Answer = std::function<void(sftp::Reply)>;

// The server of one session's requests. Both functions are called on the session's I/O thread and must not
// block it; `request` in the order in which the client asked. A throw from `request` is answered with
// failure.
struct Served {
  std::function<void(sftp::Request, Answer)> request;
  // The last call of a session, however it ended, with the handles that are still open. Requests may still be
  // unanswered.
  std::function<void(const std::vector<sftp::HandleId>& open)> ended;
};

// Why a connection was not let in. Counted by the hub; clients are told nothing.
enum class Refusal {
  unauthenticated_limit,  // too many connections are not logged in yet
  source_limit,           // too many connections from this address
  account_limit,          // the key was right, but the account has its number of sessions
  attempts,               // too many keys tried
  deadline,               // not logged in in time
  flood,                  // more bytes before the login than a login needs
  key_exchange,           // the SSH handshake failed: a scanner, or no algorithm in common
  banned,                 // its source had too many of the above
  proxy_header,           // not from a load balancer that is believed, or not as one begins
};

// A word for logs and metrics.
std::string to_string(Refusal refusal);

// Called on any of the I/O threads, several at once. None may block.
struct Hooks {
  // Whether this key is one of this account's. `algorithm` is the plain type ("ssh-ed25519",
  // "ecdsa-sha2-nistp256", "ssh-rsa", never a certificate's); `key_base64` is the key blob, as the second
  // word of authorized_keys. Also called for mere probes, so it grants nothing.
  std::function<bool(const std::string& user, const std::string& algorithm, const std::string& key_base64)>
      knows_key;
  // After a login, when the client asks for SFTP: makes the server of its requests. A throw closes the
  // session.
  std::function<Served(const Peer&)> logged_in;
  std::function<void(const std::string& address, Refusal)> refused_before_login;
  // One sentence, without a line's end and without control characters.
  std::function<void(const std::string& sentence)> log;
};

}  // namespace chancery::session
