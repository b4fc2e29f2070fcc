#include "daemon/net/proxy_header.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace chancery::net {
namespace {

using Bytes = std::vector<std::uint8_t>;

// Written out from proxy-protocol.txt, 2.2: the signature, then what is given, with the length of `rest`.
Bytes header(std::uint8_t command, std::uint8_t family, const Bytes& rest) {
  Bytes bytes{0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, command, family};
  bytes.push_back(static_cast<std::uint8_t>(rest.size() >> 8));
  bytes.push_back(static_cast<std::uint8_t>(rest.size()));
  for (const std::uint8_t byte : rest) bytes.push_back(byte);
  return bytes;
}

// The address, "local", or "none".
std::string read(const Bytes& bytes) {
  const auto prefix = std::span(bytes).first<kProxyPrefixBytes>();
  const auto rest = proxy_rest(prefix);
  if (!rest || *rest != bytes.size() - kProxyPrefixBytes) return "none";
  const auto source = read_proxy_header(prefix, std::span(bytes).subspan(kProxyPrefixBytes));
  return source ? source->address.value_or("local") : "none";
}

const Bytes kFour{192, 0, 2, 7, 198, 51, 100, 1, 0xC3, 0x50, 0, 22};
Bytes six() {
  Bytes bytes{0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7};
  bytes.resize(36, 1);
  return bytes;
}
Bytes with_tlv(Bytes rest) {
  for (const int byte : {0x04, 0x00, 0x03, 0x00, 0x00, 0x00})  // PP2_TYPE_NOOP
    rest.push_back(static_cast<std::uint8_t>(byte));
  return rest;
}

TEST(ProxyHeader, TellsTheClientsAddress) {
  EXPECT_EQ(read(header(0x21, 0x11, kFour)), "192.0.2.7");
  EXPECT_EQ(read(header(0x21, 0x21, six())), "2001:db8::7");
}

TEST(ProxyHeader, AnIpv4ClientOfAnIpv6SocketHasItsIpv4Address) {
  Bytes mapped(36);
  mapped[10] = mapped[11] = 0xFF;
  std::ranges::copy(std::span(kFour).first(4), mapped.begin() + 12);
  EXPECT_EQ(read(header(0x21, 0x21, mapped)), "192.0.2.7");
}

TEST(ProxyHeader, SkipsWhatFollowsTheAddresses) {
  EXPECT_EQ(read(header(0x21, 0x11, with_tlv(kFour))), "192.0.2.7");
  EXPECT_EQ(read(header(0x21, 0x21, with_tlv(six()))), "2001:db8::7");
  Bytes broken = kFour;
  broken.push_back(0xFF);
  EXPECT_EQ(read(header(0x21, 0x11, broken)), "192.0.2.7");
}

TEST(ProxyHeader, TheBalancerMaySpeakForItself) {
  EXPECT_EQ(read(header(0x20, 0x00, {})), "local");
  EXPECT_EQ(read(header(0x20, 0x11, kFour)), "local");
  EXPECT_EQ(read(header(0x20, 0x00, with_tlv({}))), "local");
}

TEST(ProxyHeader, RefusesEveryOtherVersionAndCommand) {
  for (int command = 0; command < 256; ++command) {
    if (command == 0x20 || command == 0x21) continue;
    EXPECT_EQ(read(header(static_cast<std::uint8_t>(command), 0x11, kFour)), "none") << command;
  }
}

TEST(ProxyHeader, RelaysOnlyTcpOverIp) {
  for (int family = 0; family < 256; ++family) {
    if (family == 0x11 || family == 0x21) continue;
    EXPECT_EQ(read(header(0x21, static_cast<std::uint8_t>(family), Bytes(216))), "none") << family;
  }
}

TEST(ProxyHeader, RefusesEveryOtherSignature) {
  const Bytes good = header(0x21, 0x11, kFour);
  for (std::size_t i = 0; i < 12; ++i) {
    Bytes bad = good;
    bad[i] ^= 1;
    EXPECT_EQ(read(bad), "none") << i;
  }
  const std::string first = "PROXY TCP4 192.0.2.7 198.51.100.1 50000 22\r\n";
  EXPECT_EQ(read(Bytes(first.begin(), first.end())), "none") << "version 1";
}

TEST(ProxyHeader, RefusesAddressesThatAreCutOff) {
  for (std::size_t size = 0; size < 12; ++size)
    EXPECT_EQ(read(header(0x21, 0x11, Bytes(size))), "none") << size;
  for (std::size_t size = 0; size < 36; ++size)
    EXPECT_EQ(read(header(0x21, 0x21, Bytes(size))), "none") << size;
}

TEST(ProxyHeader, IsOfBoundedLength) {
  EXPECT_EQ(read(header(0x21, 0x11, Bytes(kProxyMostBytes))), "0.0.0.0");
  EXPECT_EQ(read(header(0x21, 0x11, Bytes(kProxyMostBytes + 1))), "none");
  EXPECT_EQ(read(header(0x20, 0x00, Bytes(65535))), "none");
}

}  // namespace
}  // namespace chancery::net
