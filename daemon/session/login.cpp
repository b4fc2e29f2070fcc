#include "daemon/session/login.h"

#include <cstring>

#include "daemon/session/handles.h"

namespace chancery::session {
namespace {

// RFC 4252 sets no limit; account names are short.
constexpr std::size_t kLongestUser = 64;

}  // namespace

std::string to_string(Refusal refusal) {
  switch (refusal) {
    case Refusal::unauthenticated_limit:
      return "unauthenticated-limit";
    case Refusal::source_limit:
      return "source-limit";
    case Refusal::account_limit:
      return "account-limit";
    case Refusal::attempts:
      return "attempts";
    case Refusal::deadline:
      return "deadline";
    case Refusal::flood:
      return "flood";
    case Refusal::key_exchange:
      return "key-exchange";
    case Refusal::banned:
      return "banned";
    case Refusal::proxy_header:
      return "proxy-header";
  }
  return "unknown";
}

int Login::deny() {
  if (++failed_ >= settings_.attempts && !refusal_) refusal_ = Refusal::attempts;
  return SSH_AUTH_DENIED;
}

int Login::other_method() { return deny(); }

int Login::public_key(const char* user, ssh_key key, ssh_publickey_state_e state) {
  if (peer_ || refusal_) return SSH_AUTH_DENIED;
  const char* type = plain_type(key);
  if (user == nullptr || type == nullptr || std::strlen(user) > kLongestUser) return deny();
  const std::string blob = blob_of(key);
  if (blob.empty() || !hooks_.knows_key(user, type, blob)) return deny();
  if (state == SSH_PUBLICKEY_STATE_NONE) return SSH_AUTH_SUCCESS;  // a probe: "you may sign with it"
  if (state != SSH_PUBLICKEY_STATE_VALID) return deny();
  return bind(user, key);
}

int Login::bind(const std::string& user, ssh_key key) {
  if (!settings_.admit(user)) {
    refusal_ = Refusal::account_limit;
    return SSH_AUTH_DENIED;
  }
  peer_ = Peer{user, fingerprint_of(key), settings_.address};
  return SSH_AUTH_SUCCESS;
}

}  // namespace chancery::session
