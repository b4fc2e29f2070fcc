// Signs checkpoints for tests that write ledgers themselves. A line on standard input is
//   ORIGIN SIZE ROOT TIME SEED...
// with the root in base64, the time in seconds since 1970, and each seed as `ed25519:` or `ml-dsa-44:` and 64
// hex digits; the answer is the note's length in decimal, LF, and the note. Without SIZE, ROOT and TIME
// (`ORIGIN SEED`) it is the length and the vkey.
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "ledger/note/note.h"

namespace {

using chancery::note::KeyType;
using chancery::note::SigningKey;

SigningKey key_of(const std::string& origin, const std::string& text) {
  const std::size_t colon = text.find(':');
  std::vector<std::uint8_t> seed;
  for (std::size_t i = colon + 1; i + 1 < text.size(); i += 2) {
    seed.push_back(static_cast<std::uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  const KeyType type = text.substr(0, colon) == "ed25519" ? KeyType::ed25519 : KeyType::ml_dsa_44;
  return SigningKey::from_seed(type, origin, seed);
}

std::string answer(const std::string& line) {
  std::istringstream words(line);
  std::vector<std::string> word;
  for (std::string next; words >> next;) {
    word.push_back(next);
  }
  if (word.size() == 2) {
    return key_of(word[0], word[1]).verifier().text();
  }
  std::vector<SigningKey> keys;
  for (std::size_t i = 4; i < word.size(); ++i) {
    keys.push_back(key_of(word[0], word[i]));
  }
  std::vector<const SigningKey*> signers;
  for (const SigningKey& key : keys) {
    signers.push_back(&key);
  }
  const std::string body = word[0] + "\n" + word[1] + "\n" + word[2] + "\n";
  return chancery::note::sign_note(body, signers, std::stoull(word[3])).encode();
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const std::string text = answer(line);
    std::cout << text.size() << "\n" << text << std::flush;
  }
}
