#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "policies/seal/recipient.h"

// The age v1 file format (C2SP age.md), streaming, in constant memory.
namespace chancery::seal {

// Where output goes. It is called with bytes in order; an exception it throws passes through to the caller.
using Sink = std::function<void(std::span<const std::uint8_t>)>;

// The longest header that is written or read, in bytes: some 600 post-quantum recipients.
inline constexpr std::size_t kMaxHeader = std::size_t{1024} * 1024;

// Seals one file. Not thread-safe; one Sealer is used by one thread at a time.
class Sealer {
 public:
  // Writes the header at once. Throws std::invalid_argument when `recipients` is empty, too many for
  // kMaxHeader, or mixes classical with post-quantum keys (age.md: the file would be only as strong as the
  // weakest). With more than one thread, that many are started to encrypt, 256 KiB at a time each; the sink
  // is called by the thread that uses the Sealer in any case.
  Sealer(std::span<const Recipient> recipients, Sink sink, unsigned threads = 1);
  ~Sealer();
  Sealer(Sealer&&) noexcept;
  Sealer& operator=(Sealer&&) noexcept;

  void update(std::span<const std::uint8_t> plaintext);

  // Writes the last chunk. Until then what was written opens as truncated. To be called exactly once.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Why a sealed file does not open; the classes of the public test vectors. What is no sealed file at all is
// `armor`.
enum class Failure { header, no_match, hmac, payload, armor };

class OpenError : public std::runtime_error {
 public:
  OpenError(Failure failure, const std::string& what) : std::runtime_error(what), failure_(failure) {}
  Failure failure() const { return failure_; }

 private:
  Failure failure_;
};

// Opens one file, armored (RFC 7468 as age.md restricts it) or binary. Passphrases (scrypt) are not
// supported: a lone scrypt stanza is no_match, one beside others a header failure, as age.md says. Only
// authenticated plaintext reaches the sink, a chunk of at most 64 KiB at a time; a truncated or altered file
// throws OpenError, after which the sink has had a correct prefix and the caller must discard it.
class Opener {
 public:
  // Threads as in Sealer.
  Opener(std::vector<Identity> identities, Sink sink, unsigned threads = 1);
  ~Opener();
  Opener(Opener&&) noexcept;
  Opener& operator=(Opener&&) noexcept;

  void update(std::span<const std::uint8_t> sealed);

  // To be called at the end of the file: only a file for which this returns has been opened whole.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Size in bytes of what Sealer writes for `plaintext_size` bytes to these recipients.
std::uint64_t sealed_size(std::span<const Recipient> recipients, std::uint64_t plaintext_size);

}  // namespace chancery::seal
