// Files of an export: whatever is accepted is exactly what would be written.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ledger/entry/seqs.h"
#include "ledger/exports/layout.h"
#include "ledger/exports/sums.h"

using namespace chancery::exports;

// The first byte is how many entries the bundle is to have.
static void check_bundle(std::string_view bytes) {
  std::string again;
  const auto width = static_cast<std::uint8_t>(bytes.front());
  const bool whole =
      read_bundle(bytes.substr(1), width, [&](std::string_view entry) { append_to_bundle(again, entry); });
  if (!bytes.substr(1).starts_with(again)) std::abort();
  if (whole && again != bytes.substr(1)) std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (!bytes.empty()) check_bundle(bytes);
  if (const auto sums = parse_sums(bytes); sums && format_sums(*sums) != bytes) std::abort();
  if (const auto number = chancery::entry::parse_number(bytes); number && std::to_string(*number) != bytes)
    std::abort();
  return 0;
}
