#include "policies/agreement/agreement.h"

#include <algorithm>
#include <utility>

namespace chancery::agreement {
namespace {

constexpr std::size_t kMaxKeys = 16;
constexpr std::size_t kMaxSealTo = 16;
constexpr std::size_t kMaxNetworks = 64;
constexpr std::size_t kMaxParties = 1000;

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }

bool is_user(std::string_view text) {
  return text.size() >= 2 && text.size() <= 32 && (is_lower(text[0]) || is_digit(text[0])) &&
         std::ranges::all_of(
             text, [](char c) { return is_lower(c) || is_digit(c) || c == '.' || c == '_' || c == '-'; });
}

void read_keys(toml::Table& table, Account& account) {
  const auto lines = table.distinct_strings("keys", 1, kMaxKeys);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].empty()) {
      continue;
    }
    if (auto key = PublicKey::parse(lines[i])) {
      account.keys.push_back(std::move(*key));
    } else {
      table.mistake(
          "keys", i,
          "this is not an SSH public key that the hub accepts: expected a line of a .pub file of type "
          "ssh-ed25519, ecdsa-sha2-nistp256, -nistp384, -nistp521, or ssh-rsa of 2048 to 16384 bits");
    }
  }
}

Account read_account(toml::Table& table) {
  Account account;
  account.user = table.required_string("user");
  if (!account.user.empty() && !is_user(account.user)) {
    table.mistake("user",
                  "\"" + account.user +
                      "\" is not a user: expected 2 to 32 of a-z 0-9 . _ - beginning with a letter or digit");
  }
  const auto role = table.optional_choice("role", {"agency", "auditor"});
  account.role = role == "auditor" ? AccountRole::auditor : AccountRole::agency;
  read_keys(table, account);
  table.finish();
  return account;
}

void read_seal_to(toml::Table& table, Agency& agency) {
  const auto texts = table.distinct_strings("seal_to", 0, kMaxSealTo);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].empty()) {
      continue;
    }
    auto recipient = seal::Recipient::parse(texts[i]);
    if (!recipient) {
      table.mistake("seal_to", i,
                    "this is not an age recipient: expected age1... or age1pq1..., as " +
                        std::string("`chancery keygen` prints it") +
                        (texts[i].starts_with("AGE-SECRET-KEY-")
                             ? "; it is a secret key: take it out of here and make a new one"
                             : ""));
    } else if (!agency.seal_to.empty() && agency.seal_to.front().kind() != recipient->kind()) {
      table.mistake(
          "seal_to", i,
          "\"seal_to\" mixes classical (age1...) and post-quantum (age1pq1...) recipients: expected all "
          "of one kind, since a file is only as safe as the weakest");
    } else {
      agency.seal_to.push_back(std::move(*recipient));
    }
  }
}

void check_stem(toml::Table& table, std::string_view key, const std::string& value,
                std::string_view file_stem) {
  if (value != file_stem) {
    table.mistake(key, "\"" + std::string(key) + "\" is \"" + value + "\", but the file is named " +
                           std::string(file_stem) + ".toml: expected the same");
  }
}

}  // namespace

bool is_id(std::string_view text) {
  return text.size() >= 2 && text.size() <= 32 &&
         std::ranges::all_of(text, [](char c) { return is_lower(c) || is_digit(c) || c == '-'; });
}

bool is_reference(std::string_view text) {
  return !text.empty() && text.size() <= 64 && (is_letter(text[0]) || is_digit(text[0])) &&
         std::ranges::all_of(text,
                             [](char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '-'; });
}

std::string read_id(toml::Table& table, std::string_view file_stem) {
  std::string id = table.required_string("id");
  if (!id.empty() && !is_id(id)) {
    table.mistake("id", "\"" + id + "\" is not an id: expected 2 to 32 of a-z 0-9 -");
  } else if (!id.empty()) {
    check_stem(table, "id", id, file_stem);
  }
  return id;
}

Agency read_agency(toml::Table table, std::string_view file_stem) {
  Agency agency;
  agency.id = read_id(table, file_stem);
  agency.name = table.required_string("name");
  read_seal_to(table, agency);
  agency.networks = network::read_networks(table, "networks", 0, kMaxNetworks);
  agency.quota = read_quota(table, QuotaOf::agency);
  for (toml::Table& account : table.tables("accounts")) {
    agency.accounts.push_back(read_account(account));
  }
  table.finish();
  return agency;
}

Agreement read_agreement(toml::Table table, std::string_view file_stem) {
  Agreement agreement;
  agreement.reference = table.required_string("reference");
  if (!agreement.reference.empty() && !is_reference(agreement.reference)) {
    table.mistake("reference",
                  "\"" + agreement.reference +
                      "\" is not a reference: expected 1 to 64 of A-Z a-z 0-9 . - beginning with a "
                      "letter or digit");
  } else if (!agreement.reference.empty()) {
    check_stem(table, "reference", agreement.reference, file_stem);
  }
  agreement.title = table.required_string("title");
  agreement.parties = table.distinct_strings("parties", 2, kMaxParties);
  agreement.purpose = table.required_text("purpose");
  agreement.effective_from = table.optional_date("effective_from");
  agreement.effective_to = table.optional_date("effective_to");
  if (agreement.effective_from && agreement.effective_to &&
      *agreement.effective_to < *agreement.effective_from) {
    table.mistake("effective_to", "\"effective_to\" is before \"effective_from\": expected " +
                                      *agreement.effective_from + " or later");
  }
  table.finish();
  return agreement;
}

}  // namespace chancery::agreement
