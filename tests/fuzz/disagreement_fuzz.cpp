// Any bytes as what libssh says of a client that has nothing in common with the hub, or, where the first byte
// is even, as the three lists that a client sends, cut where libssh cuts. A clause comes back, bounded, that
// names one of five kinds, and an algorithm that would help only if the client has it.
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/session/disagreement.h"
#include "tests/fuzz/require.h"

namespace {

constexpr std::size_t kMostSaid = 1023;  // of libssh's buffer for an error

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chancery;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t cut = text.find('\n');
  const std::string_view client = text.substr(0, cut);
  const std::string_view list = cut == std::string_view::npos ? "" : text.substr(cut + 1);

  const bool raw = data[0] % 2 != 0;
  constexpr std::string_view kHubs = "curve25519-sha256,sntrup761x25519-sha512";
  std::string said = raw ? std::string(list)
                         : "kex error : no match for method kex algos: server [" + std::string(kHubs) +
                               "], client [" + std::string(list) + "]";
  if (said.size() > kMostSaid) said.resize(kMostSaid);

  for (const auto offered : {hub::Algorithms::strict, hub::Algorithms::compatible}) {
    const auto told = session::explain_disagreement(said, client, offered);
    require(raw || told.has_value());
    if (!told) continue;
    require(told->size() <= said.size() + 1000 && told->find(" and the hub have no ") != std::string::npos);
    require(told->starts_with(client.substr(0, 80)));
    const std::size_t help = told->rfind("; algorithms = \"compatible\" in chancery.toml would offer it ");
    if (offered == hub::Algorithms::compatible && !raw) require(told->ends_with(kHubs));
    if (offered == hub::Algorithms::strict && !raw && !told->ends_with(kHubs)) {
      require(help != std::string::npos);
      require(said.find(told->substr(told->rfind(' ') + 1)) != std::string::npos);
    }
  }
  return 0;
}
