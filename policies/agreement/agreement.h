#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policies/agreement/quota.h"
#include "policies/network/network.h"
#include "policies/seal/recipient.h"
#include "policies/toml/document.h"

// Agencies and the agreements between them, as written in agencies/ID.toml and agreements/REF.toml
// (docs/policy.md).
namespace chancery::agreement {

enum class AccountRole { agency, auditor };

// An SSH public key of an account: the algorithm's name and the base64 of the key blob, as in an OpenSSH .pub
// file.
struct PublicKey {
  std::string algorithm;
  std::string base64;
  std::string fingerprint;  // "SHA256:…", as ssh-keygen -l prints it

  // nullopt unless it is one OpenSSH public key line of a type that the hub accepts (ssh-ed25519,
  // ecdsa-sha2-nistp256, -384 and -521, rsa of 2048 bits or more; no certificates), canonical and whole.
  static std::optional<PublicKey> parse(std::string_view line);
};

// One SSH login of an agency.
struct Account {
  std::string user;
  AccountRole role = AccountRole::agency;
  std::vector<PublicKey> keys;
};

// An organisation.
struct Agency {
  std::string id;  // [a-z0-9-]{2,32}
  std::string name;
  std::vector<seal::Recipient> seal_to;    // all of one kind
  std::vector<network::Network> networks;  // where it connects from
  Quota quota;
  std::vector<Account> accounts;
};

// The information sharing agreement that routes stand under.
struct Agreement {
  std::string reference;  // [A-Za-z0-9][A-Za-z0-9.-]{0,63}, also the file's name
  std::string title;
  std::vector<std::string> parties;  // agency ids
  std::string purpose;
  std::optional<std::string> effective_from;  // civil dates in the hub's timezone, inclusive
  std::optional<std::string> effective_to;
};

// Whether this may be the id of an agency or a route: [a-z0-9-]{2,32}.
[[nodiscard]] bool is_id(std::string_view text);

// Whether this may be the reference of an agreement.
[[nodiscard]] bool is_reference(std::string_view text);

// The key `id`, which must be one and the same as the file's name without `.toml`; "" after a mistake.
std::string read_id(toml::Table& table, std::string_view file_stem);

// Reads one file's table. Mistakes are reported to the document's list; the result is usable only without
// any.
Agency read_agency(toml::Table table, std::string_view file_stem);
Agreement read_agreement(toml::Table table, std::string_view file_stem);

}  // namespace chancery::agreement
