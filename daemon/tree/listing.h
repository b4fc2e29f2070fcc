#pragma once

#include <cstdint>
#include <string>

#include "daemon/sftp/message.h"
#include "ledger/entry/entry.h"

// Attributes and "ls -l" lines as SFTP clients expect them (draft-ietf-secsh-filexfer-02 sections 5 and 7).
namespace chancery::tree {

enum class Access { none, read, write, read_write };

sftp::Attributes directory_attributes(entry::Micros modified);
sftp::Attributes file_attributes(std::uint64_t size, entry::Micros modified, Access access);

// A folder's entry as it is held until it is read: without its long name, which is longer than the rest.
struct Listed {
  std::string name;
  sftp::Attributes attributes;
};

// A directory entry with its long name; `owner` is an agency's id, `now` decides between time and year.
sftp::NamedFile named(const Listed& listed, const std::string& owner, entry::Micros now);

}  // namespace chancery::tree
