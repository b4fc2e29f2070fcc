#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "daemon/sftp/message.h"
#include "daemon/sftp/wire.h"

// The verbs of SFTP version 3: what the type byte of a request, or the name of an extended one, stands for.
namespace chancery::sftp {

// Type bytes that are no request of a table (section 3).
enum PacketType : std::uint8_t {
  kInit = 1,
  kVersion = 2,
  kWriteType = 6,
  kStatus = 101,
  kHandle = 102,
  kData = 103,
  kName = 104,
  kAttributes = 105,
  kExtendedRequest = 200,
  kExtendedReply = 201,
};

// What has to be open for a request to be served.
enum class Needs { nothing, handle, readable_file, writable_file, file, directory };

// Which kind of answer, besides a status, a request may have.
// named_digest: with "check-file" before it, as paramiko expects.
enum class Answers { status, opened, data, one_name, names, attributes, file_system, digest, named_digest };

using Decode = Operation (*)(Reader&);

struct Verb {
  std::uint8_t type;
  std::string_view name;
  Needs needs;
  Answers answers;
  Decode decode;
};

struct Extension {
  std::string_view name;
  std::string_view version;  // advertised in VERSION; not advertised if empty
  Needs needs;
  Answers answers;
  Decode decode;  // null: answered by the engine itself
};

std::span<const Verb> verbs();
std::span<const Extension> extensions();

// nullptr if there is none.
const Verb* find_verb(std::uint8_t type);
const Extension* find_extension(std::string_view name);

}  // namespace chancery::sftp
