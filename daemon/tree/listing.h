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

// A directory entry with its long name; `owner` is an agency's id, `now` decides between time and year.
sftp::NamedFile named(const std::string& name, const sftp::Attributes& attributes, const std::string& owner,
                      entry::Micros now);

}  // namespace chancery::tree
