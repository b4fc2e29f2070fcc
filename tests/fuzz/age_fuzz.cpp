// An age file from a stranger: the first byte says whether the rest is a whole file or a payload alone.
// Whatever it is, the answer and the plaintext are the same however the bytes arrive.
#include <cstdlib>
#include <string>

#include "policies/seal/seal.h"
#include "policies/seal/stream.h"

namespace {

using namespace chancery::seal;  // NOLINT

// The identity of age's public test vectors, so that seeds made of them open.
const Identity kIdentity =
    *Identity::parse("AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0");

template <class Reader>
std::string feed(Reader& reader, std::span<const std::uint8_t> input, std::size_t step) {
  try {
    for (std::size_t at = 0; at < input.size(); at += step) {
      reader.update(input.subspan(at, std::min(step, input.size() - at)));
    }
    reader.finish();
  } catch (const OpenError& error) {
    return error.what();
  }
  return "opened";
}

std::string answer(bool payload_only, std::span<const std::uint8_t> input, std::size_t step) {
  std::string plaintext;
  const Sink sink = [&](std::span<const std::uint8_t> bytes) {
    plaintext.append(bytes.begin(), bytes.end());
  };
  if (payload_only) {
    Stream stream(Direction::open, Key(), sink, 1);
    const std::string verdict = feed(stream, input, step);
    return verdict + plaintext;
  }
  Opener opener({kIdentity}, sink);
  const std::string verdict = feed(opener, input, step);
  return verdict + plaintext;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::span input(data + 1, size - 1);
  const bool payload_only = data[0] == 'p';
  const std::string whole = answer(payload_only, input, input.size() + 1);
  if (whole != answer(payload_only, input, 1) || whole != answer(payload_only, input, 61)) {
    std::abort();
  }
  return 0;
}
