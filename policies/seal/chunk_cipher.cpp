#include "policies/seal/chunk_cipher.h"

#include <algorithm>
#include <array>

#include <botan/aead.h>
#include <botan/exceptn.h>

namespace chancery::seal {
namespace {

// age.md, "Payload": an eleven-byte big-endian counter, then one for the last chunk.
std::array<std::uint8_t, 12> nonce_of(std::uint64_t number, bool last) {
  std::array<std::uint8_t, 12> nonce{};
  for (unsigned i = 0; i < 8; ++i) {
    nonce[10 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  }
  nonce[11] = last ? 1 : 0;
  return nonce;
}

}  // namespace

struct ChunkCipher::State {
  std::unique_ptr<Botan::AEAD_Mode> aead;
  Botan::secure_vector<std::uint8_t> tag;  // kept, so that its memory is
};

ChunkCipher::ChunkCipher(Direction direction, const Key& payload_key) : state_(std::make_unique<State>()) {
  state_->aead = Botan::AEAD_Mode::create_or_throw("ChaCha20Poly1305", direction == Direction::seal
                                                                           ? Botan::Cipher_Dir::Encryption
                                                                           : Botan::Cipher_Dir::Decryption);
  state_->aead->set_key(payload_key.bytes);
  state_->tag.reserve(kTag);
}

ChunkCipher::~ChunkCipher() = default;

void ChunkCipher::seal(std::span<std::uint8_t> chunk, std::uint64_t number, bool last) {
  const auto text = chunk.first(chunk.size() - kTag);
  state_->aead->start(nonce_of(number, last));
  state_->aead->process(text);
  state_->tag.clear();
  state_->aead->finish(state_->tag);
  std::ranges::copy(state_->tag, chunk.last(kTag).begin());
}

bool ChunkCipher::open(std::span<std::uint8_t> chunk, std::uint64_t number, bool last) {
  const auto text = chunk.first(chunk.size() - kTag);
  const auto tag = chunk.last(kTag);
  const auto nonce = nonce_of(number, last);
  state_->aead->start(nonce);
  state_->aead->process(text);
  state_->tag.assign(tag.begin(), tag.end());
  try {
    state_->aead->finish(state_->tag);
    return true;
  } catch (const Botan::Invalid_Authentication_Tag&) {
    state_->aead->start(nonce);  // the keystream a second time takes it back
    state_->aead->process(text);
    state_->aead->reset();
    return false;
  }
}

}  // namespace chancery::seal
