#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

// The header of version 2 of HAProxy's PROXY protocol (proxy-protocol.txt, 2.2), by which a load balancer
// says whom it speaks for. Pure.
namespace chancery::net {

// Its fixed first part: signature, version and command, family, and the length of what follows.
constexpr std::size_t kProxyPrefixBytes = 16;
// Of what follows: addresses and TLVs. The protocol allows more, but no balancer sends it.
constexpr std::size_t kProxyMostBytes = 4096;

// How many bytes follow the first part; nullopt if it is not one of version 2 with a command LOCAL or PROXY,
// or too much would follow.
std::optional<std::size_t> proxy_rest(std::span<const std::uint8_t, kProxyPrefixBytes> prefix);

struct ProxySource {
  std::optional<std::string>
      address;  // of the client, as IPv4 if it can be; none: the balancer speaks for itself
};

// What a whole header says; `rest` is exactly as long as proxy_rest() said. TLVs are skipped. nullopt for
// what relays anything but TCP over IPv4 or IPv6, or is too short for its addresses.
std::optional<ProxySource> read_proxy_header(std::span<const std::uint8_t, kProxyPrefixBytes> prefix,
                                             std::span<const std::uint8_t> rest);

}  // namespace chancery::net
