#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "daemon/transfer/projection.h"
#include "policies/route/policy.h"

// The pages that an agency reads over SFTP. Plain text with CRLF, since many readers are on Windows.
namespace chancery::tree {

// What the pages say of the hub.
struct HubFacts {
  std::string name;
  std::string origin;
  std::string host_key_fingerprint;
  // Sentences about the key that will take its place one day; empty if none will.
  std::function<std::string()> coming_host_key;
  std::function<std::string(entry::Micros)> show_time;  // for people, with its offset
};

// README.txt of one account: who it is here, its routes and their states, the host key, how to open a
// delivery.
std::string readme_text(const HubFacts& hub, const route::Policy& policy, const agreement::Agency& agency,
                        const agreement::Account& account);

// NAME.ID.txt: what became of one transfer, in words, as this agency may know it, and what to do.
std::string outcome_text(const HubFacts& hub, const transfer::Transfer& transfer, std::string_view agency);

// The file's name in /receipts/YYYY-MM.
std::string outcome_name(const transfer::Transfer& transfer);

}  // namespace chancery::tree
