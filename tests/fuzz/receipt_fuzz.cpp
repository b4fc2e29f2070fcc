#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <variant>
#include <vector>

#include "ledger/note/proof.h"
#include "ledger/receipt/receipt.h"

// A receipt, a zero byte and its openings, against one log's keys. What verifies is one way to write one
// entry of that log; what opens is a line of that entry, written as we would.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chancery;
  static const std::vector<note::VerifierKey> keys = [] {
    const auto verifier = [](note::KeyType type, std::uint8_t seed) {
      return note::SigningKey::from_seed(type, "example.org/hub", std::vector<std::uint8_t>(32, seed))
          .verifier();
    };
    return std::vector{verifier(note::KeyType::ed25519, 7), verifier(note::KeyType::ml_dsa_44, 9)};
  }();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string_view text = bytes.substr(0, bytes.find('\0'));
  const std::string_view openings = text.size() < size ? bytes.substr(text.size() + 1) : std::string_view();
  const auto checked = receipt::check(text, keys);
  const auto* sound = std::get_if<receipt::Receipt>(&checked);
  if (sound == nullptr) {
    return 0;
  }
  const auto proof = std::get<note::Proof>(note::parse_proof(text));
  if (proof.encode() != text || proof.extra != sound->entry.text() || proof.index != sound->entry.seq ||
      proof.index >= sound->checkpoint.size) {
    std::abort();
  }
  for (const auto& [field, value] : receipt::check_openings(openings, *sound).values) {
    if (!sound->entry.commitments.contains(field)) {
      std::abort();
    }
  }
  return 0;
}
