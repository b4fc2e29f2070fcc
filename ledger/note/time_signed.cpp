#include "ledger/note/time_signed.h"

#include <boost/endian/conversion.hpp>

namespace chancery::note {

std::optional<std::uint64_t> time_signed(const Note& note) {
  constexpr std::size_t kSignatureBytes = 8 + 2420;  // no other kind's are as long
  constexpr std::uint64_t kEnd = 253'402'300'800;    // of the year 9999
  const auto checkpoint = parse_checkpoint(note.text);
  for (const SignatureLine& line : note.signatures) {
    if (checkpoint && line.name == checkpoint->origin && line.signature.size() == kSignatureBytes) {
      const std::uint64_t time = boost::endian::load_big_u64(line.signature.data());
      return time < kEnd ? std::optional(time) : std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace chancery::note
