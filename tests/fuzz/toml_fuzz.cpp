// Any bytes, read as each of our files: no crash, and every mistake is one line and placed within the text;
// what does not parse is one mistake.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "policies/agreement/agreement.h"
#include "policies/hub/hub.h"
#include "policies/route/read_route.h"
#include "tests/fuzz/require.h"

namespace {

using chancery::toml::Document;
using chancery::toml::Mistakes;

void check_place(const chancery::toml::Mistake& mistake, std::string_view text) {
  const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
  require(mistake.file == "f" && mistake.line >= 1 && mistake.column >= 1);
  require(mistake.line <= lines && mistake.column <= text.size() + 1);
  require(mistake.message.find('\n') == std::string::npos && !mistake.message.empty());
}

template <typename Read>
void check(std::string_view text, Read read) {
  Mistakes mistakes;
  Document document = Document::parse(text, "f", mistakes);
  require(document.valid() || mistakes.size() == 1);
  read(document);
  require(document.valid() || mistakes.size() == 1);
  for (const auto& mistake : mistakes) {
    check_place(mistake, text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(text,
        [](Document& document) { chancery::agreement::read_agency(document.root(), "moorvale-acute"); });
  check(text, [](Document& document) { chancery::agreement::read_agreement(document.root(), "DSA-042"); });
  check(text, [](Document& document) { chancery::route::read_route(document.root(), "maternity-cc"); });
  check(text, [](Document& document) { chancery::hub::read_hub(document.root(), "/etc/chancery"); });
  return 0;
}
