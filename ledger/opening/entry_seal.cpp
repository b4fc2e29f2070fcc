#include "ledger/opening/entry_seal.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include <botan/aead.h>
#include <botan/exceptn.h>

#include "ledger/opening/length.h"

namespace chancery::opening {
namespace {

constexpr std::string_view kLabel = "chancery/openings/v1";
constexpr std::size_t kTagBytes = 16;

std::array<std::uint8_t, kLabel.size() + 8> associated_data(std::uint64_t seq) {
  std::array<std::uint8_t, kLabel.size() + 8> data{};
  std::ranges::copy(kLabel, data.begin());
  for (std::size_t i = 0; i < 8; ++i)
    data[kLabel.size() + i] = static_cast<std::uint8_t>(seq >> (56 - 8 * i));
  return data;
}

// Takes `count` bytes off the front of `rest`; nullopt when there are fewer.
std::optional<std::span<const std::uint8_t>> take(std::span<const std::uint8_t>& rest, std::size_t count) {
  if (rest.size() < count) return std::nullopt;
  const auto taken = rest.first(count);
  rest = rest.subspan(count);
  return taken;
}

std::optional<FieldOpening> unpack_one(std::span<const std::uint8_t>& rest) {
  FieldOpening one;
  const auto field_length = take(rest, 1);
  if (!field_length) return std::nullopt;
  const auto field = take(rest, field_length->front());
  const auto salt = take(rest, one.opening.salt.size());
  const auto length = take(rest, 4);
  if (!field || !salt || !length) return std::nullopt;
  const std::size_t bytes = std::size_t{(*length)[0]} << 24 | std::size_t{(*length)[1]} << 16 |
                            std::size_t{(*length)[2]} << 8 | std::size_t{(*length)[3]};
  const auto value = take(rest, bytes);
  if (!value) return std::nullopt;
  one.field.assign(field->begin(), field->end());
  std::ranges::copy(*salt, one.opening.salt.begin());
  one.opening.value.assign(value->begin(), value->end());
  return one;
}

}  // namespace

std::vector<std::uint8_t> pack(std::span<const FieldOpening> openings) {
  std::vector<std::uint8_t> out;
  std::size_t bytes = 0;
  for (const auto& [field, opening] : openings)
    bytes += 5 + field.size() + opening.salt.size() + opening.value.size();
  out.reserve(bytes);
  for (const auto& [field, opening] : openings) {
    if (field.size() > 255) throw std::length_error("a field's name is longer than 255 bytes");
    out.push_back(static_cast<std::uint8_t>(field.size()));
    out.insert(out.end(), field.begin(), field.end());
    out.insert(out.end(), opening.salt.begin(), opening.salt.end());
    append_length(out, opening.value.size());
    out.insert(out.end(), opening.value.begin(), opening.value.end());
  }
  return out;
}

std::optional<std::vector<FieldOpening>> unpack(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t kLeast = 1 + sizeof(Salt) + 4;  // bytes of one
  constexpr std::size_t kUsual = 16;                    // are no more
  std::vector<FieldOpening> openings;
  openings.reserve(std::min(bytes.size() / kLeast, kUsual));
  while (!bytes.empty()) {
    auto one = unpack_one(bytes);
    if (!one) return std::nullopt;
    openings.push_back(*std::move(one));
  }
  return openings;
}

struct EntrySeal::State {
  std::unique_ptr<Botan::AEAD_Mode> encrypt =
      Botan::AEAD_Mode::create_or_throw("ChaCha20Poly1305", Botan::Cipher_Dir::Encryption);
  std::unique_ptr<Botan::AEAD_Mode> decrypt =
      Botan::AEAD_Mode::create_or_throw("ChaCha20Poly1305", Botan::Cipher_Dir::Decryption);
  Botan::secure_vector<std::uint8_t> text;  // kept, so that sealing many allocates once
};

EntrySeal::EntrySeal(const EpochKey& key) : state_(std::make_unique<State>()) {
  state_->encrypt->set_key(key.bytes());
  state_->decrypt->set_key(key.bytes());
}
EntrySeal::~EntrySeal() = default;
EntrySeal::EntrySeal(EntrySeal&&) noexcept = default;
EntrySeal& EntrySeal::operator=(EntrySeal&&) noexcept = default;

std::vector<std::uint8_t> EntrySeal::seal(std::uint64_t seq, const Nonce& nonce,
                                          std::span<const std::uint8_t> packed) {
  Botan::AEAD_Mode& mode = *state_->encrypt;
  mode.set_associated_data(associated_data(seq));
  mode.start(nonce);
  auto& text = state_->text;
  text.assign(packed.begin(), packed.end());
  mode.finish(text);
  std::vector<std::uint8_t> sealed;
  sealed.reserve(nonce.size() + text.size());
  sealed.insert(sealed.end(), nonce.begin(), nonce.end());
  sealed.insert(sealed.end(), text.begin(), text.end());
  return sealed;
}

std::optional<std::vector<FieldOpening>> EntrySeal::unseal(std::uint64_t seq,
                                                           std::span<const std::uint8_t> sealed) {
  if (sealed.size() < Nonce{}.size() + kTagBytes) return std::nullopt;
  Botan::AEAD_Mode& mode = *state_->decrypt;
  mode.set_associated_data(associated_data(seq));
  mode.start(sealed.first<Nonce{}.size()>());
  const auto body = sealed.subspan(Nonce{}.size());
  Botan::secure_vector<std::uint8_t> text(body.begin(), body.end());
  try {
    mode.finish(text);
  } catch (const Botan::Invalid_Authentication_Tag&) {
    mode.reset();
    return std::nullopt;
  }
  return unpack(text);
}

}  // namespace chancery::opening
