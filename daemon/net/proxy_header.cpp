#include "daemon/net/proxy_header.h"

#include <algorithm>
#include <array>

#include <boost/asio/ip/address.hpp>

namespace chancery::net {
namespace {

namespace ip = boost::asio::ip;

constexpr std::array<std::uint8_t, 12> kSignature{'\r', '\n', '\r', '\n', 0,   '\r',
                                                  '\n', 'Q',  'U',  'I',  'T', '\n'};
constexpr std::uint8_t kLocal = 0x20;  // version 2 in the upper half
constexpr std::uint8_t kProxy = 0x21;
constexpr std::uint8_t kTcp4 = 0x11;
constexpr std::uint8_t kTcp6 = 0x21;
// Where its parts are.
constexpr std::size_t kCommandAt = 12;
constexpr std::size_t kFamilyAt = 13;
constexpr std::size_t kLengthAt = 14;
constexpr std::size_t kPortBytes = 2;

std::string text_of(const ip::address_v4& address) { return address.to_string(); }
std::string text_of(const ip::address_v6& address) {
  if (address.is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, address).to_string();
  return address.to_string();
}

// The client's address comes first; the balancer's and both ports follow it.
template <typename Address>
std::optional<ProxySource> read_addresses(std::span<const std::uint8_t> rest) {
  typename Address::bytes_type bytes{};
  if (rest.size() < 2 * (bytes.size() + kPortBytes)) return std::nullopt;
  std::ranges::copy(rest.first(bytes.size()), bytes.begin());
  return ProxySource{text_of(Address(bytes))};
}

}  // namespace

std::optional<std::size_t> proxy_rest(std::span<const std::uint8_t, kProxyPrefixBytes> prefix) {
  if (!std::ranges::equal(prefix.first<kSignature.size()>(), kSignature)) return std::nullopt;
  if (prefix[kCommandAt] != kLocal && prefix[kCommandAt] != kProxy) return std::nullopt;
  const std::size_t length = std::size_t{prefix[kLengthAt]} << 8 | prefix[kLengthAt + 1];
  if (length > kProxyMostBytes) return std::nullopt;
  return length;
}

std::optional<ProxySource> read_proxy_header(std::span<const std::uint8_t, kProxyPrefixBytes> prefix,
                                             std::span<const std::uint8_t> rest) {
  if (proxy_rest(prefix) != rest.size()) return std::nullopt;
  if (prefix[kCommandAt] == kLocal) return ProxySource{};
  if (prefix[kFamilyAt] == kTcp4) return read_addresses<ip::address_v4>(rest);
  if (prefix[kFamilyAt] == kTcp6) return read_addresses<ip::address_v6>(rest);
  return std::nullopt;
}

}  // namespace chancery::net
