#pragma once

// What is offered to clients, best first. libssh drops the names that it does not have: post-quantum key
// exchange exists from 0.12 on. Nothing with SHA-1, CBC, a small group or a certificate.
namespace chancery::session::algorithms {

struct Profile {
  const char* key_exchange;
  const char* macs;
};

// What ssh-audit has nothing against. sntrup761x25519-sha512@openssh.com is the name by which OpenSSH 8.5 to
// 9.8 know the one before it.
constexpr Profile kStrict{
    .key_exchange =
        "mlkem768x25519-sha256,sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,"
        "curve25519-sha256,curve25519-sha256@libssh.org,diffie-hellman-group18-sha512,"
        "diffie-hellman-group16-sha512",
    .macs = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com",
};

// And, after it, what older clients need: JSch 0.1 has no other exchange that is no worse, it and libssh2
// before 1.11 (curl) no other MACs.
constexpr Profile kCompatible{
    .key_exchange =
        "mlkem768x25519-sha256,sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,"
        "curve25519-sha256,curve25519-sha256@libssh.org,diffie-hellman-group18-sha512,"
        "diffie-hellman-group16-sha512,ecdh-sha2-nistp256,ecdh-sha2-nistp384,"
        "ecdh-sha2-nistp521,diffie-hellman-group14-sha256",
    .macs = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512",
};

constexpr const char* kCiphers =
    "aes256-gcm@openssh.com,aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,aes192-ctr,"
    "aes128-ctr";

// Of a client's signature.
constexpr const char* kPublicKeys =
    "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256";

constexpr const char* kHostKeys =
    "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256";

constexpr int kSmallestRsa = 2048;

// After "SSH-2.0-": no version, which tells only scanners something.
constexpr const char* kBanner = "Chancery";

}  // namespace chancery::session::algorithms
