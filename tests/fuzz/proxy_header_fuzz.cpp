// Any bytes as a PROXY header: what is taken is an address, canonical, and depends on nothing behind it.
#include <span>

#include <boost/asio/ip/address.hpp>

#include "daemon/net/proxy_header.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chancery::net;
  const std::span<const std::uint8_t> bytes(data, size);
  if (size < kProxyPrefixBytes) return 0;
  const auto prefix = bytes.first<kProxyPrefixBytes>();
  const auto rest = proxy_rest(prefix);
  require(!rest || *rest <= kProxyMostBytes);
  const auto given = bytes.subspan(kProxyPrefixBytes);
  const auto source = read_proxy_header(prefix, given);
  require(!source || rest == given.size());
  if (source && source->address)
    require(boost::asio::ip::make_address(*source->address).to_string() == *source->address);
  return 0;
}
