#include "policies/network/network.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include <boost/asio/ip/address.hpp>

namespace chancery::network {
namespace {

namespace ip = boost::asio::ip;
using Code = boost::system::error_code;

constexpr std::uint32_t kLeastBitsV4 = 8;
constexpr std::uint32_t kLeastBitsV6 = 32;

// An address without a zone; IPv4 addresses written as IPv6 become IPv4.
std::optional<ip::address> read_address(std::string_view text) {
  if (text.find_first_not_of("0123456789abcdefABCDEF.:") != std::string_view::npos) return std::nullopt;
  Code bad;
  const auto address = ip::make_address(std::string(text), bad);
  if (bad) return std::nullopt;
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return ip::make_address_v4(ip::v4_mapped, address.to_v6());
  return address;
}

std::array<std::uint8_t, 16> bytes_of(const ip::address& address) {
  std::array<std::uint8_t, 16> bytes{};
  if (address.is_v4())
    std::ranges::copy(address.to_v4().to_bytes(), bytes.begin());
  else
    std::ranges::copy(address.to_v6().to_bytes(), bytes.begin());
  return bytes;
}

// Decimal digits without sign, space or leading zero.
std::optional<std::uint32_t> read_bits(std::string_view text, std::uint32_t most) {
  std::uint32_t bits = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits);
  if (error != std::errc() || end != text.data() + text.size() || bits > most) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return bits;
}

// The first `bits` bits, then zeros.
std::array<std::uint8_t, 16> masked(std::array<std::uint8_t, 16> bytes, std::uint32_t bits) {
  const std::uint32_t whole = bits / 8;
  if (whole >= bytes.size()) return bytes;
  bytes.at(whole) &= static_cast<std::uint8_t>(~(0xFFU >> bits % 8));
  std::fill(bytes.begin() + whole + 1, bytes.end(), std::uint8_t{0});
  return bytes;
}

}  // namespace

std::optional<Network> Network::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view written = text.substr(0, slash);
  const auto address = read_address(written);
  if (!address || (address->is_v4() && written.find(':') != std::string_view::npos)) return std::nullopt;
  const std::uint32_t longest = address->is_v4() ? 32 : 128;
  const auto bits =
      slash == std::string_view::npos ? std::optional(longest) : read_bits(text.substr(slash + 1), longest);
  const auto bytes = bytes_of(*address);
  if (!bits || masked(bytes, *bits) != bytes) return std::nullopt;
  return Network(address->is_v4(), *bits, bytes);
}

Networks::Networks(const std::vector<Network>& all) {
  for (const Network& network : all) {
    all_.emplace(network.v4_, network.bits_, network.bytes_);
    lengths_.insert(network.bits_);
  }
}

std::optional<Network> Networks::find(std::string_view address) const {
  const auto read = read_address(address);
  if (!read) return std::nullopt;
  const bool v4 = read->is_v4();
  const auto bytes = bytes_of(*read);
  for (const std::uint32_t bits : lengths_) {
    const auto first = masked(bytes, bits);
    if (all_.contains({v4, bits, first})) return Network(v4, bits, first);
  }
  return std::nullopt;
}

std::string Network::text() const {
  const auto slash = "/" + std::to_string(bits_);
  if (!v4_) return ip::address_v6(bytes_).to_string() + slash;
  return ip::address_v4({bytes_[0], bytes_[1], bytes_[2], bytes_[3]}).to_string() + slash;
}

std::vector<Network> read_networks(toml::Table& table, std::string_view key, std::size_t least,
                                   std::size_t most) {
  std::vector<Network> networks;
  const auto texts = table.distinct_strings(key, least, most);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].empty()) continue;
    const auto parsed = Network::parse(texts[i]);
    const auto quoted = "\"" + texts[i] + "\"";
    if (!parsed) {
      table.mistake(key, i,
                    quoted +
                        " is not a network: expected such as 192.0.2.0/24 or 2001:db8:7::/48, with no "
                        "bit set beyond its length, or one address");
    } else if (parsed->bits() < (parsed->is_v4() ? kLeastBitsV4 : kLeastBitsV6)) {
      table.mistake(key, i,
                    quoted + " is too large: expected at least " +
                        std::to_string(parsed->is_v4() ? kLeastBitsV4 : kLeastBitsV6) + " bits");
    } else if (std::ranges::find(networks, *parsed) != networks.end()) {
      table.mistake(key, i, quoted + " is there already, written differently: expected each once");
    } else {
      networks.push_back(*parsed);
    }
  }
  return networks;
}

}  // namespace chancery::network
