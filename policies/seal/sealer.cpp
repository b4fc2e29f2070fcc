#include <algorithm>
#include <optional>
#include <stdexcept>

#include "policies/seal/hybrid.h"
#include "policies/seal/primitives.h"
#include "policies/seal/seal.h"
#include "policies/seal/stream.h"
#include "policies/seal/wrap.h"

namespace chancery::seal {
namespace {

constexpr std::size_t kNonce = 16;

std::size_t base64_size(std::size_t bytes) { return (bytes * 4 + 2) / 3; }

std::size_t header_size(std::span<const Recipient> recipients) {
  std::size_t size = std::string_view("age-encryption.org/v1\n").size();
  for (const Recipient& recipient : recipients) {
    const std::size_t share = recipient.kind() == KeyKind::x25519 ? 32 : kHybridEncapsulatedSize;
    size += std::string_view("->  \n\n").size() + name_of(recipient.kind()).size() + base64_size(share) +
            base64_size(32);
  }
  return size + std::string_view("--- \n").size() + base64_size(32);
}

void check(std::span<const Recipient> recipients) {
  if (recipients.empty()) {
    throw std::invalid_argument("there is no recipient to seal to");
  }
  if (std::ranges::any_of(recipients, [&](const Recipient& r) { return r.kind() != recipients[0].kind(); })) {
    throw std::invalid_argument(
        "classical and post-quantum recipients cannot be mixed: the file would be only as strong as the "
        "weakest. "
        "Seal twice, or give every recipient a key of the same kind");
  }
  if (header_size(recipients) > kMaxHeader) {
    throw std::invalid_argument("there are too many recipients for one file: its header would exceed 1 MiB");
  }
}

}  // namespace

struct Sealer::State {
  explicit State(Sink sink_given) : sink(std::move(sink_given)) {}

  Sink sink;
  std::optional<Stream> stream;
};

Sealer::Sealer(std::span<const Recipient> recipients, Sink sink, unsigned threads)
    : state_(std::make_unique<State>(std::move(sink))) {
  check(recipients);
  FileKey file_key;
  fill_random(file_key.bytes);
  std::vector<Stanza> stanzas;
  for (const Recipient& recipient : recipients) {
    stanzas.push_back(wrap(recipient, file_key));
  }
  std::array<std::uint8_t, kNonce> nonce{};
  fill_random(nonce);
  const std::string header = write_header(stanzas, file_key);
  std::vector<std::uint8_t> start(header.begin(), header.end());
  start.insert(start.end(), nonce.begin(), nonce.end());
  state_->stream.emplace(Direction::seal, hkdf(file_key.bytes, nonce, "payload"), state_->sink, threads);
  state_->sink(start);
}

Sealer::~Sealer() = default;
Sealer::Sealer(Sealer&&) noexcept = default;
Sealer& Sealer::operator=(Sealer&&) noexcept = default;

void Sealer::update(std::span<const std::uint8_t> plaintext) { state_->stream->update(plaintext); }

void Sealer::finish() { state_->stream->finish(); }

std::uint64_t sealed_size(std::span<const Recipient> recipients, std::uint64_t plaintext_size) {
  const std::uint64_t chunks =
      std::max<std::uint64_t>(1, plaintext_size / kChunk + (plaintext_size % kChunk != 0));
  return header_size(recipients) + kNonce + plaintext_size + chunks * kTag;
}

}  // namespace chancery::seal
