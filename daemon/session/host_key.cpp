#include "daemon/session/host_key.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/session/handles.h"
#include "daemon/session/host_key_handle.h"

namespace chancery::session {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kPrivate = 0600;
constexpr mode_t kPublic = 0644;

using Text = std::unique_ptr<char, Release<ssh_string_free_char>>;

fs::path public_path(fs::path path) { return path += ".pub"; }

[[noreturn]] void fail_with(int error, const std::string& what) {
  throw Error(what + ": " + std::strerror(error) + ".");
}

// A descriptor that is closed.
class File {
 public:
  File(const fs::path& path, int flags, mode_t mode = 0) : path_(path), fd_(open(path.c_str(), flags, mode)) {
    if (fd_ < 0) fail_with(errno, path_.string() + " cannot be opened");
  }
  ~File() { close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = ::write(fd_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail_with(errno, path_.string() + " cannot be written");
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  void sync() const {
    if (fsync(fd_) != 0) fail_with(errno, path_.string() + " cannot be made durable");
  }

 private:
  fs::path path_;
  int fd_;
};

// The file appears whole or not at all, and never in the place of another.
void write_new(const fs::path& path, mode_t mode, std::string_view text) {
  const fs::path draft = fs::path(path) += ".new";
  unlink(draft.c_str());
  {
    const File file(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    file.write(text);
    file.sync();
  }
  const int linked = link(draft.c_str(), path.c_str());
  const int error = errno;
  unlink(draft.c_str());
  if (linked != 0) fail_with(error, path.string() + " cannot be made");
  File(path.has_parent_path() ? path.parent_path() : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC).sync();
}

KeyHandle generate() {
  ssh_key key = nullptr;
#if LIBSSH_VERSION_INT >= SSH_VERSION_INT(0, 12, 0)
  const int made = ssh_pki_generate_key(SSH_KEYTYPE_ED25519, nullptr, &key);
#else
  const int made = ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &key);
#endif
  if (made != SSH_OK) throw Error("libssh could not make an Ed25519 key.");
  return KeyHandle(key);
}

// As in a .pub file, without a comment; empty if it is no plain key.
std::string line_of(ssh_key key) {
  const char* type = plain_type(key);
  return type == nullptr ? "" : std::string(type) + " " + blob_of(key);
}

// The first two words of PATH.pub; empty if there is no such file.
std::string recorded_public(const fs::path& path) {
  std::ifstream file(public_path(path));
  std::string type, blob;
  return file >> type >> blob ? type + " " + blob : "";
}

}  // namespace

const char* plain_type(ssh_key key) {
  switch (ssh_key_type(key)) {
    case SSH_KEYTYPE_ED25519:
      return "ssh-ed25519";
    case SSH_KEYTYPE_RSA:
      return "ssh-rsa";
    case SSH_KEYTYPE_ECDSA_P256:
      return "ecdsa-sha2-nistp256";
    case SSH_KEYTYPE_ECDSA_P384:
      return "ecdsa-sha2-nistp384";
    case SSH_KEYTYPE_ECDSA_P521:
      return "ecdsa-sha2-nistp521";
    default:
      return nullptr;
  }
}

std::string fingerprint_of(ssh_key key) {
  unsigned char* hash = nullptr;
  std::size_t size = 0;
  if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &size) != 0) return {};
  const Text text(ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, size));
  ssh_clean_pubkey_hash(&hash);
  return text ? text.get() : std::string();
}

std::string blob_of(ssh_key key) {
  char* blob = nullptr;
  if (ssh_pki_export_pubkey_base64(key, &blob) != SSH_OK) return {};
  return Text(blob).get();
}

HostKey::HostKey(std::shared_ptr<const Key> key)
    : key_(std::move(key)),
      fingerprint_(fingerprint_of(key_->handle.get())),
      public_line_(line_of(key_->handle.get())) {}

HostKey HostKey::load(const fs::path& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0)
    throw Error("The host key " + path.string() + " cannot be read: " + std::strerror(errno) + "." +
                (fs::exists(public_path(path))
                     ? " Its public half is there: put the private key back from the "
                       "backup. A new one would make every client refuse this hub."
                     : ""));
  if ((status.st_mode & S_IRWXO) != 0)
    throw Error("The host key " + path.string() + " is readable by everyone: chmod 600 it.");
  ssh_key key = nullptr;
  if (ssh_pki_import_privkey_file(path.c_str(), nullptr, nullptr, nullptr, &key) != SSH_OK)
    throw Error("The host key " + path.string() +
                " is not a private key without passphrase that libssh can read.");
  HostKey host_key(std::make_shared<const Key>(Key{KeyHandle(key)}));
  if (host_key.public_line().empty())
    throw Error("The host key " + path.string() +
                " is neither Ed25519 nor ECDSA nor RSA: clients need one of these.");
  const std::string recorded = recorded_public(path);
  if (!recorded.empty() && recorded != host_key.public_line())
    throw Error("The host key " + path.string() + " is not the one of " + public_path(path).string() +
                ": put the right one back, or remove the latter if the key was changed on purpose.");
  return host_key;
}

void make_host_key(const fs::path& path) {
  for (const fs::path& existing : {path, public_path(path)})
    if (fs::exists(fs::symlink_status(existing)))
      throw Error(existing.string() + " exists: a host key is never replaced. Move both halves away first.");
  const KeyHandle key = generate();
  char* text = nullptr;
  if (ssh_pki_export_privkey_base64(key.get(), nullptr, nullptr, nullptr, &text) != SSH_OK)
    throw Error("libssh could not write an Ed25519 key.");
  const Text secret(text);
  write_new(path, kPrivate, secret.get());
  explicit_bzero(secret.get(), std::strlen(secret.get()));
  write_new(public_path(path), kPublic, "ssh-ed25519 " + blob_of(key.get()) + "\n");
}

HostKey load_or_make_host_key(const fs::path& path) {
  if (!fs::exists(path) && !fs::exists(public_path(path))) make_host_key(path);
  return HostKey::load(path);
}

std::optional<ComingHostKey> coming_host_key(const fs::path& path) {
  const fs::path file = public_path(fs::path(path) += ".next");
  if (!fs::exists(fs::symlink_status(file))) return std::nullopt;
  ssh_key read = nullptr;
  const bool is_key = ssh_pki_import_pubkey_file(file.c_str(), &read) == SSH_OK;
  const KeyHandle key(read);
  if (!is_key || plain_type(read) == nullptr)
    throw Error("The coming host key " + file.string() +
                " is no public key: make both halves with ssh-keygen, or remove the file.");
  return ComingHostKey{fingerprint_of(key.get()), line_of(key.get())};
}

}  // namespace chancery::session
