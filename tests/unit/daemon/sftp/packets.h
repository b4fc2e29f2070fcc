#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/sftp/engine.h"

// A client made of bytes: it writes packets by hand, so that it can also write them wrong.
namespace chancery::sftp::testing {

using Buffer = std::vector<std::uint8_t>;

class Packet {
 public:
  explicit Packet(int type) { u8(type); }
  Packet& u8(int value) { return body_.push_back(static_cast<std::uint8_t>(value)), *this; }
  Packet& u32(std::uint32_t value) { return number(value, 4); }
  Packet& u64(std::uint64_t value) { return number(value, 8); }
  Packet& text(std::string_view value) {
    strings_.push_back(body_.size());
    u32(static_cast<std::uint32_t>(value.size()));
    body_.insert(body_.end(), value.begin(), value.end());
    return *this;
  }
  Packet& handle(HandleId id) {
    strings_.push_back(body_.size());
    return u32(8).u64(id);
  }

  Buffer& body() { return body_; }
  // Where in the body the lengths of its strings are.
  const std::vector<std::size_t>& strings() const { return strings_; }
  // With its length before it: the true one, unless another is given.
  Buffer bytes(std::optional<std::uint32_t> length = {}) const {
    Packet whole(0);
    whole.body_.clear();
    whole.u32(length.value_or(static_cast<std::uint32_t>(body_.size())));
    whole.body_.insert(whole.body_.end(), body_.begin(), body_.end());
    return whole.body_;
  }

 private:
  Packet& number(std::uint64_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
      body_.push_back(static_cast<std::uint8_t>(value >> shift));
    return *this;
  }
  Buffer body_;
  std::vector<std::size_t> strings_;
};

inline std::uint32_t u32_at(const Buffer& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | bytes.at(at + i);
  return value;
}

// One packet from the server: after its length.
struct FromServer {
  std::uint8_t type = 0;
  std::uint32_t id = 0;  // VERSION: the version
  Buffer rest;
  // Of a STATUS.
  std::uint32_t status() const { return type == 101 ? u32_at(rest, 0) : ~0U; }
  std::string message() const { return {rest.begin() + 8, rest.begin() + 8 + u32_at(rest, 4)}; }
};

// Throws std::out_of_range if the output is not whole packets.
inline std::vector<FromServer> parse(const Buffer& output) {
  std::vector<FromServer> packets;
  for (std::size_t at = 0; at < output.size();) {
    const std::size_t end = at + 4 + u32_at(output, at);
    FromServer packet{output.at(at + 4), u32_at(output, at + 5), {}};
    if (end > output.size()) throw std::out_of_range("a packet is cut off");
    packet.rest.assign(output.begin() + static_cast<std::ptrdiff_t>(at + 9),
                       output.begin() + static_cast<std::ptrdiff_t>(end));
    packets.push_back(std::move(packet));
    at = end;
  }
  return packets;
}

inline Buffer init() { return Packet(1).u32(3).bytes(); }
inline Packet open(std::uint32_t id, std::string_view path, std::uint32_t flags = kRead | kWrite | kCreate) {
  return Packet(3).u32(id).text(path).u32(flags).u32(0);
}
inline Packet write(std::uint32_t id, HandleId handle, std::uint64_t offset, std::string_view data) {
  return Packet(6).u32(id).handle(handle).u64(offset).text(data);
}
inline Packet read(std::uint32_t id, HandleId handle, std::uint64_t offset, std::uint32_t length) {
  return Packet(5).u32(id).handle(handle).u64(offset).u32(length);
}
inline Packet close(std::uint32_t id, HandleId handle) { return Packet(4).u32(id).handle(handle); }
inline Packet extended(std::uint32_t id, std::string_view name) { return Packet(200).u32(id).text(name); }

}  // namespace chancery::sftp::testing
