#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

namespace chancery::session {

// The host key could not be had, or libssh could not be set up. what() is a sentence with a hint.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The key that proves to clients that this is the hub. Copies share one key; safe to use from several
// threads.
class HostKey {
 public:
  // Reads the private key PATH, without passphrase, which must not be readable by everyone; and checks that
  // PATH.pub, if it exists, is its public half. Throws Error.
  static HostKey load(const std::filesystem::path& path);

  const std::string& fingerprint() const { return fingerprint_; }  // "SHA256:..."
  const std::string& public_line() const { return public_line_; }  // "ssh-ed25519 AAAA...", no line's end

  struct Key;
  const Key& key() const { return *key_; }

 private:
  explicit HostKey(std::shared_ptr<const Key> key);

  std::shared_ptr<const Key> key_;
  std::string fingerprint_, public_line_;
};

// Makes an Ed25519 key: PATH (mode 0600) and PATH.pub, both durable. Throws Error if either exists: a host
// key is never replaced silently, because every client would take the hub for an impostor.
void make_host_key(const std::filesystem::path& path);

// HostKey::load(), after make_host_key() at the first start, when there is neither PATH nor PATH.pub.
HostKey load_or_make_host_key(const std::filesystem::path& path);

// The key that will one day take the place of PATH's, to be announced to clients: the public half that the
// administrator has put into PATH.next.pub. Its private half is not looked at.
struct ComingHostKey {
  std::string fingerprint;  // "SHA256:..."
  std::string public_line;  // "ssh-ed25519 AAAA...", no line's end
};
// nullopt if there is no such file. Throws Error if what it holds is no plain public key.
std::optional<ComingHostKey> coming_host_key(const std::filesystem::path& path);

}  // namespace chancery::session
