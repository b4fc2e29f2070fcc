#pragma once

#include <optional>
#include <span>
#include <string>

#include "policies/seal/header.h"
#include "policies/seal/recipient.h"

// The file key in and out of recipient stanzas.
namespace chancery::seal {

Stanza wrap(const Recipient& recipient, const FileKey& file_key);

// Tries every stanza of the identity's kind. nullopt when none is for it. Throws OpenError (header) when one
// of that kind is malformed, whether or not another would open.
std::optional<FileKey> unwrap(const Identity& identity, std::span<const Stanza> stanzas);

// age.md, "scrypt recipient stanza": it must be alone. Throws OpenError (header).
void require_lone_scrypt(std::span<const Stanza> stanzas);

// "2 X25519 keys and 1 mlkem768x25519 key", for people.
std::string describe(std::span<const Stanza> stanzas);

}  // namespace chancery::seal
