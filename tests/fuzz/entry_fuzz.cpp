#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <variant>

#include "ledger/entry/entry.h"

// What is accepted as an entry means exactly its own bytes, and both parsers agree on what that is.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chancery::entry;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto result = parse(bytes);
  EntryView view;
  const bool viewed = !parse_into(bytes, view);
  const auto* entry = std::get_if<Entry>(&result);
  if (viewed != (entry != nullptr) || (entry != nullptr && entry->text() != bytes)) {
    std::abort();
  }
  return 0;
}
