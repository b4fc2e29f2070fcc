#pragma once

#include <string>

// SSH keys in OpenSSH's own files, so that trying the hub needs no ssh-keygen.
namespace chancery::cli {

// A fresh Ed25519 key pair. `private_file` is secret: to be written with mode 0600.
struct SshKeyPair {
  std::string private_file;  // openssh-key-v1, without a passphrase (OpenSSH's PROTOCOL.key)
  std::string public_line;   // a line of authorized_keys, without the line's end
};

// `comment` is printable ASCII.
SshKeyPair make_ssh_key(const std::string& comment);

}  // namespace chancery::cli
