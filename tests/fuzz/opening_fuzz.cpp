#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "ledger/opening/opening.h"

// What is accepted as an opening's line is written again as the same line.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chancery::opening;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto line = parse_line(bytes);
  if (line && format_line(*line) != bytes && format_line(*line) != std::string(bytes) + "\n") {
    std::abort();
  }
  return 0;
}
