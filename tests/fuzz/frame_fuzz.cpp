// Frames of the ledger service: whatever is accepted is exactly what would be sent.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "ledger/service/frame.h"

using namespace chancery::service;

template <typename Parsed>
static void check(const std::optional<Parsed>& parsed, const std::uint8_t* data, std::size_t size) {
  if (!parsed) return;
  const std::string frame = encode(*parsed);
  if (frame.size() != size + kPrefixBytes) std::abort();
  if (std::memcmp(frame.data() + kPrefixBytes, data, size) != 0) std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check(parse_request({data, size}), data, size);
  check(parse_reply({data, size}), data, size);
  return 0;
}
