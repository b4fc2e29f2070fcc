#include "client/cli/keys.h"

#include <functional>
#include <stdexcept>

#include "client/cli/file.h"

namespace chancery::cli {
namespace {

constexpr std::size_t kLongestFile = std::size_t{16} * 1024 * 1024;

std::string read_text(const std::string& path) {
  std::string text;
  read_through(path, "reading", [&](std::span<const std::uint8_t> bytes) {
    text.append(bytes.begin(), bytes.end());
    if (text.size() > kLongestFile) {
      throw std::runtime_error(path + " is too long to be a file of keys");
    }
  });
  return text;
}

// Calls `take` with each line that is a key, and its number for messages.
void for_each_key(const std::string& path,
                  const std::function<void(const std::string&, const std::string&)>& take) {
  const std::string text = read_text(path);
  std::size_t number = 0;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    std::string line = text.substr(start, end - start);
    start = end + 1;
    ++number;
    line.erase(line.find_last_not_of(" \t\r") + 1);
    line.erase(0, line.find_first_not_of(" \t"));
    if (!line.empty() && line[0] != '#') {
      take(line, path + ", line " + std::to_string(number));
    }
  }
}

// A hint for keys that are of another sort altogether. Identities are secret and never shown.
std::string hint(const std::string& text) {
  if (text.starts_with("AGE-SECRET-KEY-")) {
    return "this is an identity, which is secret; a recipient begins with \"age1\" and stands in the "
           "identity's file "
           "after \"# public key:\"";
  }
  if (text.starts_with("ssh-")) {
    return "SSH keys are for logging in; make a key to seal to with `chancery keygen`";
  }
  return "a recipient begins with \"age1\"; was it copied whole?";
}

}  // namespace

seal::Recipient recipient_of(const std::string& text) {
  auto recipient = seal::Recipient::parse(text);
  if (!recipient) {
    throw std::runtime_error("not a recipient: " + hint(text));
  }
  return *std::move(recipient);
}

std::vector<seal::Recipient> read_recipients(const std::string& path) {
  std::vector<seal::Recipient> recipients;
  for_each_key(path, [&](const std::string& line, const std::string& where) {
    auto recipient = seal::Recipient::parse(line);
    if (!recipient) {
      throw std::runtime_error(where + " is not a recipient: " + hint(line));
    }
    recipients.push_back(*std::move(recipient));
  });
  if (recipients.empty()) {
    throw std::runtime_error(path + " has no recipient");
  }
  return recipients;
}

std::vector<seal::Identity> read_identities(const std::string& path) {
  std::vector<seal::Identity> identities;
  for_each_key(path, [&](const std::string& line, const std::string& where) {
    auto identity = seal::Identity::parse(line);
    if (!identity) {
      throw std::runtime_error(where +
                               " is not an identity; one begins with \"AGE-SECRET-KEY-\" and is made by "
                               "`chancery keygen`");
    }
    identities.push_back(*std::move(identity));
  });
  if (identities.empty()) {
    throw std::runtime_error(path + " has no identity");
  }
  return identities;
}

}  // namespace chancery::cli
