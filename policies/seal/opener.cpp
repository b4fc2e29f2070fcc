#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include "policies/seal/armor.h"
#include "policies/seal/primitives.h"
#include "policies/seal/seal.h"
#include "policies/seal/stream.h"
#include "policies/seal/wrap.h"

namespace chancery::seal {
namespace {

constexpr std::string_view kMagic = "age-encryption.org/";
constexpr std::size_t kNonce = 16;

[[noreturn]] void no_match(std::span<const Stanza> stanzas, std::size_t identities) {
  if (stanzas.size() == 1 && stanzas[0].arguments[0] == "scrypt") {
    throw OpenError(Failure::no_match,
                    "the file was sealed with a passphrase, which is not supported here; "
                    "`age -d` opens it");
  }
  throw OpenError(Failure::no_match, (identities == 1 ? "the identity does not open this file"
                                                      : "none of the identities opens this file") +
                                         std::string("; it was sealed to ") + describe(stanzas));
}

}  // namespace

struct Opener::State {
  State(std::vector<Identity> identities_given, Sink sink_given, unsigned threads_given)
      : identities(std::move(identities_given)), sink(std::move(sink_given)), threads(threads_given) {}

  // What the file is shows in its first bytes. False while there are too few of them.
  bool recognise() {
    const std::string_view text(reinterpret_cast<const char*>(start.data()), start.size());
    if (!text.starts_with(kMagic.substr(0, text.size()))) {
      armor.emplace([this](std::span<const std::uint8_t> bytes) { binary(bytes); });
      return true;
    }
    return text.size() >= kMagic.size();
  }

  void take(std::span<const std::uint8_t> bytes) {
    if (recognised) {
      armor ? armor->update(bytes) : binary(bytes);
      return;
    }
    start.insert(start.end(), bytes.begin(), bytes.end());
    recognised = recognise();
    if (recognised) {
      const std::vector<std::uint8_t> all = std::exchange(start, {});
      take(all);
    }
  }

  void binary(std::span<const std::uint8_t> bytes) {
    if (!stream) {
      if (!file_key) {
        if (!reader.read(bytes)) {
          return;
        }
        open_header();
      }
      const std::size_t size = std::min(kNonce - nonce.size(), bytes.size());
      nonce.insert(nonce.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      bytes = bytes.subspan(size);
      if (nonce.size() < kNonce) {
        return;
      }
      stream.emplace(Direction::open, hkdf(file_key->bytes, nonce, "payload"), sink, threads);
    }
    stream->update(bytes);
  }

  void open_header() {
    const Header& header = reader.header();
    require_lone_scrypt(header.stanzas);
    for (const Identity& identity : identities) {
      if (!file_key) {
        file_key = unwrap(identity, header.stanzas);
      }
    }
    if (!file_key) {
      no_match(header.stanzas, identities.size());
    }
    if (!equal(header_mac(*file_key, header.authenticated), header.mac)) {
      throw OpenError(Failure::hmac, "the header has been altered: its MAC does not hold");
    }
  }

  void finish() const {
    if (armor) {
      armor->finish();
    }
    if (!stream) {
      throw OpenError(Failure::header, "the file is truncated: it ends in its header");
    }
  }

  std::vector<Identity> identities;
  Sink sink;
  unsigned threads;
  bool failed = false;
  std::vector<std::uint8_t> start;  // until the file is recognised
  bool recognised = false;
  std::optional<ArmorReader> armor;
  HeaderReader reader;
  std::optional<FileKey> file_key;
  std::vector<std::uint8_t> nonce;
  std::optional<Stream> stream;
};

Opener::Opener(std::vector<Identity> identities, Sink sink, unsigned threads)
    : state_(std::make_unique<State>(std::move(identities), std::move(sink), threads)) {}

Opener::~Opener() = default;
Opener::Opener(Opener&&) noexcept = default;
Opener& Opener::operator=(Opener&&) noexcept = default;

void Opener::update(std::span<const std::uint8_t> sealed) {
  if (state_->failed) {
    throw std::logic_error("an Opener was used after it had failed");
  }
  state_->failed = true;  // until this has gone well
  state_->take(sealed);
  state_->failed = false;
}

void Opener::finish() {
  if (state_->failed) {
    throw std::logic_error("an Opener was used after it had failed");
  }
  state_->failed = true;  // it is over in any case
  state_->finish();
  state_->stream->finish();
}

}  // namespace chancery::seal
