#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "policies/toml/document.h"

// IP networks as they are written in files (docs/policy.md, `networks`), and what lies in them.
namespace chancery::network {

// An IPv4 or IPv6 network: an address and how many of its first bits count. Immutable.
class Network {
 public:
  // "192.0.2.0/24", "2001:db8::/32", or one address. nullopt if it is neither, has a zone, is an IPv4 address
  // written as IPv6, or has a bit set beyond its length.
  static std::optional<Network> parse(std::string_view text);

  bool is_v4() const { return v4_; }
  std::uint32_t bits() const { return bits_; }
  // Canonical: address, slash, bits.
  std::string text() const;

  bool operator==(const Network&) const = default;

 private:
  friend class Networks;
  using Bytes = std::array<std::uint8_t, 16>;  // an IPv4 address in the first four

  Network(bool v4, std::uint32_t bits, const Bytes& bytes) : v4_(v4), bits_(bits), bytes_(bytes) {}

  bool v4_;
  std::uint32_t bits_;
  Bytes bytes_;
};

// Many networks, to look addresses up in. Immutable; thread-safe.
class Networks {
 public:
  Networks() = default;
  explicit Networks(const std::vector<Network>& all);

  // The smallest that an IP address lies in, if any; none for what is no address. ::ffff:192.0.2.7 is
  // 192.0.2.7.
  [[nodiscard]] std::optional<Network> find(std::string_view address) const;

 private:
  // Whether it is IPv4, its bits, its address.
  std::set<std::tuple<bool, std::uint32_t, Network::Bytes>> all_;
  std::set<std::uint32_t, std::greater<>> lengths_;  // that occur
};

// The networks listed under `key`, `least` to `most` of them and all different; a mistake is reported at its
// element. IPv4 networks of fewer than 8 bits and IPv6 networks of fewer than 32 are mistakes too: they are
// nobody's.
std::vector<Network> read_networks(toml::Table& table, std::string_view key, std::size_t least,
                                   std::size_t most);

}  // namespace chancery::network
