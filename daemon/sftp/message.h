#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

// SFTP version 3 (draft-ietf-secsh-filexfer-02) as values: what a client asks and what it is answered.
namespace chancery::sftp {

// Section 7, "Responses from the Server to the Client".
enum class Status : std::uint32_t {
  ok = 0,
  eof = 1,
  no_such_file = 2,
  permission_denied = 3,
  failure = 4,
  bad_message = 5,
  no_connection = 6,
  connection_lost = 7,
  unsupported = 8,
};

// Section 5, "File Attributes". Times are seconds since 1970 (32 bits on the wire).
struct Attributes {
  struct Owner {
    std::uint32_t uid = 0, gid = 0;
  };
  struct Times {
    std::uint32_t accessed = 0, modified = 0;
  };
  std::optional<std::uint64_t> size = {};
  std::optional<Owner> owner = {};
  std::optional<std::uint32_t> permissions = {};
  std::optional<Times> times = {};
};

// The engine's own number for an open handle; unique within a session and never used again.
using HandleId = std::uint64_t;

// Section 6.3, the pflags of OPEN.
enum OpenFlag : std::uint32_t {
  kRead = 1,
  kWrite = 2,
  kAppend = 4,
  kCreate = 8,
  kTruncate = 16,
  kExclusive = 32
};

// Requests. Paths are as the client sent them: any bytes but NUL.
struct Open {
  std::string path;
  std::uint32_t flags = 0;
  Attributes attributes;
};
struct Close {
  HandleId handle = 0;
};
struct Read {
  HandleId handle = 0;
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
};
struct Write {
  HandleId handle = 0;
  std::uint64_t offset = 0;
  std::vector<std::uint8_t> data;
};
struct Stat {
  std::string path;
  bool follow = true;
};
struct HandleStat {
  HandleId handle = 0;
};
struct SetStat {
  std::string path;
  Attributes attributes;
  bool follow = true;
};  // not: lsetstat@openssh.com
struct HandleSetStat {
  HandleId handle = 0;
  Attributes attributes;
};
struct OpenDirectory {
  std::string path;
};
struct ReadDirectory {
  HandleId handle = 0;
};
struct Remove {
  std::string path;
};
struct MakeDirectory {
  std::string path;
};
struct RemoveDirectory {
  std::string path;
};
struct RealPath {
  std::string path;
};
struct Rename {
  std::string from, to;
  bool replace = false;
};  // replace: posix-rename@openssh.com
struct ReadLink {
  std::string path;
};
struct MakeLink {
  std::string path, target;
};  // SYMLINK and hardlink@openssh.com
struct StatFileSystem {
  std::string path;
};  // statvfs@openssh.com; fstatvfs arrives with the path "/"
struct Sync {
  HandleId handle = 0;
};  // fsync@openssh.com

// check-file-name and check-file-handle of draft-ietf-secsh-filexfer-extensions-00, section 3, for SHA-256.
struct CheckFile {
  std::string path = {};  // of check-file-name
  HandleId handle = 0;    // of check-file-handle; 0: by path
  std::uint64_t offset = 0;
  std::uint64_t length = 0;  // 0: to the end
  std::uint32_t block = 0;   // bytes of each hash; 0: one hash
  // Whether one hash of a whole file of this size is asked for.
  bool whole(std::uint64_t size) const {
    return offset == 0 && (length == 0 || length >= size) && (block == 0 || block >= size);
  }
};

using Operation = std::variant<Open, Close, Read, Write, Stat, HandleStat, SetStat, HandleSetStat,
                               OpenDirectory, ReadDirectory, Remove, MakeDirectory, RemoveDirectory, RealPath,
                               Rename, ReadLink, MakeLink, StatFileSystem, Sync, CheckFile>;

// One request, checked as far as the protocol goes: well formed, and its handle one that is open in this
// session.
struct Request {
  std::uint64_t id = 0;  // the engine's serial number for it, not the client's (which may repeat)
  Operation operation;
};

// Replies.
struct StatusReply {
  Status status = Status::ok;
  std::string message;
};
struct OpenedReply {
  bool directory = false;
};  // to Open and OpenDirectory: the engine gives the handle
struct DataReply {
  std::vector<std::uint8_t> data;
  // Called, if there is one, when all of it was given to the transport: not when the session ends before.
  std::function<void()> given = {};
};
struct NamedFile {
  std::string name;
  std::string long_name;
  Attributes attributes;
};
struct NamesReply {
  std::vector<NamedFile> files;
};
struct AttributesReply {
  Attributes attributes;
};
struct FileSystemReply {
  std::uint64_t block_size = 4096, blocks = 0, free_blocks = 0;
};
struct DigestReply {
  std::array<std::uint8_t, 32> sha256{};
};

using Reply = std::variant<StatusReply, OpenedReply, DataReply, NamesReply, AttributesReply, FileSystemReply,
                           DigestReply>;

}  // namespace chancery::sftp
