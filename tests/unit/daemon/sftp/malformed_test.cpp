#include <set>

#include <gtest/gtest.h>

#include "tests/unit/daemon/sftp/packets.h"

namespace chancery::sftp {
namespace {

using namespace testing;

// What became of a stream of bytes: requests, answers, end. Every request is answered at once.
struct Outcome {
  std::vector<std::string> requests;
  Buffer output;
  bool broken = false;
  std::vector<HandleId> open;
  bool operator==(const Outcome&) const = default;
};

std::string describe(const Request& request) {
  std::string text = std::to_string(request.id) + ":" + std::to_string(request.operation.index());
  if (const auto* open = std::get_if<Open>(&request.operation)) text += open->path;
  if (const auto* write = std::get_if<Write>(&request.operation))
    text += std::to_string(write->offset) + std::string(write->data.begin(), write->data.end());
  return text;
}

Reply answer(const Request& request) {
  if (std::holds_alternative<Open>(request.operation)) return OpenedReply{};
  if (std::holds_alternative<OpenDirectory>(request.operation)) return OpenedReply{true};
  return StatusReply{};
}

template <typename Cut>
Outcome run(const Buffer& bytes, Cut cut) {
  Outcome outcome;
  Engine* self = nullptr;
  Engine engine({}, [&](Request request) {
    outcome.requests.push_back(describe(request));
    self->reply(request.id, answer(request));
  });
  self = &engine;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t size = std::min(cut(at), bytes.size() - at);
    at += engine.feed(std::span(bytes).subspan(at, size));
    const Buffer taken = engine.take_output();
    outcome.output.insert(outcome.output.end(), taken.begin(), taken.end());
  }
  outcome.broken = engine.broken();
  EXPECT_EQ(engine.broken(), !engine.reason().empty());
  outcome.open = engine.open_handles();
  return outcome;
}

Outcome run(const Buffer& bytes) {
  return run(bytes, [&](std::size_t) { return bytes.size(); });
}

Buffer operator+(Buffer left, const Buffer& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

// One good packet of every verb and extension. The handles they name are open after `prelude`.
std::vector<Packet> good_packets() {
  std::vector<Packet> packets;
  packets.push_back(open(1, "path"));
  packets.push_back(close(2, 1));
  packets.push_back(read(3, 1, 0, 10));
  packets.push_back(write(4, 1, 0, "some data"));
  for (const int type : {7, 11, 13, 15, 16, 17, 19}) packets.push_back(Packet(type).u32(5).text("path"));
  packets.push_back(Packet(8).u32(6).handle(1));
  for (const int type : {9, 14})
    packets.push_back(Packet(type)
                          .u32(7)
                          .text("path")
                          .u32(0x8000000f)
                          .u64(1)
                          .u64(2)
                          .u32(3)
                          .u64(4)
                          .u32(1)
                          .text("a")
                          .text("b"));
  packets.push_back(Packet(10).u32(8).handle(1).u32(4).u32(0600));
  packets.push_back(Packet(12).u32(9).handle(2));
  for (const int type : {18, 20}) packets.push_back(Packet(type).u32(10).text("from").text("to"));
  for (const char* name : {"posix-rename@openssh.com", "hardlink@openssh.com"})
    packets.push_back(Packet(200).u32(11).text(name).text("from").text("to"));
  for (const char* name : {"statvfs@openssh.com", "expand-path@openssh.com", "home-directory"})
    packets.push_back(Packet(200).u32(12).text(name).text("path"));
  for (const char* name : {"fstatvfs@openssh.com", "fsync@openssh.com"})
    packets.push_back(Packet(200).u32(13).text(name).handle(1));
  packets.push_back(Packet(200).u32(14).text("limits@openssh.com"));
  packets.push_back(Packet(200).u32(15).text("lsetstat@openssh.com").text("path").u32(4).u32(0600));
  for (const char* name : {"check-file", "check-file-handle"})
    packets.push_back(Packet(200).u32(16).text(name).handle(1).text("sha256").u64(0).u64(0).u32(0));
  packets.push_back(
      Packet(200).u32(17).text("check-file-name").text("path").text("sha256").u64(0).u64(0).u32(0));
  return packets;
}

Buffer prelude() { return init() + open(1, "file").bytes() + Packet(11).u32(2).text("folder").bytes(); }

// Where the strings of a good packet begin: any place whose four bytes are a length that fits.
std::vector<std::size_t> string_places(const Buffer& body) {
  std::vector<std::size_t> places;
  for (std::size_t at = 5; at + 4 <= body.size(); ++at)
    if (const std::uint32_t length = u32_at(body, at); length > 0 && length <= body.size() - at - 4)
      places.push_back(at);
  return places;
}

// The last answer, and that there was no request after the prelude's two.
void expect_refused(const Buffer& packet, std::uint32_t status, const std::string& what) {
  const Outcome outcome = run(prelude() + packet);
  EXPECT_FALSE(outcome.broken) << what;
  EXPECT_EQ(outcome.requests.size(), 2u) << what;
  const auto replies = parse(outcome.output);
  ASSERT_EQ(replies.size(), 4u) << what;
  EXPECT_EQ(replies[3].status(), status) << what;
  EXPECT_FALSE(replies[3].message().empty()) << what;
}

TEST(Malformed, EveryGoodPacketIsAnsweredOnce) {
  for (Packet& packet : good_packets()) {
    const Outcome outcome = run(prelude() + packet.bytes());
    EXPECT_FALSE(outcome.broken);
    const auto replies = parse(outcome.output);
    ASSERT_EQ(replies.size(), 4u);
    EXPECT_NE(replies[3].status(), 5u) << int{packet.body()[0]};
    EXPECT_NE(replies[3].status(), 8u) << int{packet.body()[0]};
  }
}

TEST(Malformed, EveryTruncationIsRefused) {
  int cases = 0;
  for (Packet& packet : good_packets()) {
    while (packet.body().size() > 5) {
      packet.body().pop_back();
      // An extended request cut to the name of a shorter one cannot occur: the name's length precedes it.
      expect_refused(
          packet.bytes(), 5,
          "type " + std::to_string(packet.body()[0]) + " cut to " + std::to_string(packet.body().size()));
      ++cases;
    }
  }
  EXPECT_GE(cases, 200);
}

TEST(Malformed, BytesAfterTheLastFieldAreRefused) {
  for (Packet& packet : good_packets())
    if (packet.body()[0] != 6) expect_refused(packet.u8(0).bytes(), 5, "trailing byte");
}

// As rclone sends them.
TEST(Malformed, BytesAfterTheDataOfAWriteAreIgnored) {
  const Outcome outcome = run(prelude() + write(4, 1, 0, "data").text("left over").bytes());
  EXPECT_EQ(outcome.requests.back(), "3:" + std::to_string(Operation(Write{}).index()) + "0data");
  EXPECT_EQ(parse(outcome.output).back().status(), 0u);
}

TEST(Malformed, StringsThatRunPastTheEndAreRefused) {
  int cases = 0;
  for (Packet& good : good_packets()) {
    for (const std::size_t at : string_places(good.body())) {
      for (const std::uint32_t length : {0x7fffffffU, 0x80000000U, 0xffffffffU, 0xfffffffcU}) {
        Packet packet = good;
        for (std::size_t i = 0; i < 4; ++i)
          packet.body()[at + i] = static_cast<std::uint8_t>(length >> (8 * (3 - i)));
        const Outcome outcome = run(prelude() + packet.bytes());
        EXPECT_FALSE(outcome.broken);
        EXPECT_EQ(parse(outcome.output).size(), 4u);
        ++cases;
      }
    }
  }
  EXPECT_GE(cases, 100);
}

TEST(Malformed, ImpossibleLengthsBreakTheSession) {
  for (const std::uint32_t length :
       {0U, 1U, 2U, 3U, 4U, 256U * 1024 + 1, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
    for (const Packet& packet : good_packets()) {
      const Outcome outcome = run(prelude() + packet.bytes(length));
      EXPECT_TRUE(outcome.broken) << length;
      EXPECT_EQ(outcome.requests.size(), 2u);
    }
  }
}

TEST(Malformed, AnythingBeforeInitBreaksTheSession) {
  for (const Packet& packet : good_packets()) {
    const Outcome outcome = run(packet.bytes() + init());
    EXPECT_TRUE(outcome.broken);
    EXPECT_TRUE(outcome.requests.empty());
    EXPECT_TRUE(outcome.output.empty());
  }
}

TEST(Malformed, SecondInitBreaksTheSession) {
  const Outcome outcome = run(prelude() + init() + open(9, "after").bytes());
  EXPECT_TRUE(outcome.broken);
  EXPECT_EQ(outcome.requests.size(), 2u);
}

TEST(Malformed, UnknownTypesAndExtensionsAreUnsupported) {
  std::set<int> known = {1, 200};
  for (Packet& packet : good_packets()) known.insert(packet.body()[0]);
  for (int type = 0; type < 256; ++type)
    if (!known.contains(type)) expect_refused(Packet(type).u32(1).bytes(), 8, std::to_string(type));
  for (const char* name : {"", "x", "copy-data", "check-file-names", "users-groups-by-id@openssh.com"})
    expect_refused(Packet(200).u32(1).text(name).text("y").bytes(), 8, name);
}

TEST(Malformed, HandlesThatAreNotOpenAreRefused) {
  for (const HandleId handle : {HandleId{0}, HandleId{3}, HandleId{99}, ~HandleId{0}, HandleId{1} << 63}) {
    expect_refused(close(1, handle).bytes(), 4, "close");
    expect_refused(read(1, handle, 0, 1).bytes(), 4, "read");
    expect_refused(write(1, handle, 0, "x").bytes(), 4, "write");
    for (const int type : {8, 12}) expect_refused(Packet(type).u32(1).handle(handle).bytes(), 4, "handle");
    expect_refused(Packet(200).u32(1).text("fsync@openssh.com").handle(handle).bytes(), 4, "fsync");
    expect_refused(Packet(200).u32(1).text("fstatvfs@openssh.com").handle(handle).bytes(), 4, "fstatvfs");
  }
  for (const std::string& handle :
       {std::string(), std::string("1"), std::string(7, '\0'), std::string(9, '\0'), std::string(256, 'h')})
    expect_refused(Packet(4).u32(1).text(handle).bytes(), 4, "length of a handle");
}

TEST(Malformed, StaleHandlesAreRefused) {
  const Outcome outcome = run(prelude() + close(3, 1).bytes() + write(4, 1, 0, "late").bytes());
  EXPECT_EQ(outcome.requests.size(), 3u);
  EXPECT_EQ(parse(outcome.output).back().status(), 4u);
  EXPECT_EQ(outcome.open, std::vector<HandleId>{2});
}

TEST(Malformed, OffsetsBeyondAnyFileAreRefused) {
  for (const std::uint64_t offset :
       {std::uint64_t{1} << 63, ~std::uint64_t{0}, (std::uint64_t{1} << 63) - 1}) {
    expect_refused(write(1, 1, offset, "x").bytes(), 4, "write");
    expect_refused(read(1, 1, offset, 1).bytes(), 4, "read");
  }
}

TEST(Malformed, PathsWithAZeroByteOrOfImpossibleLengthAreRefused) {
  for (const std::string& path : {std::string("a\0b", 3), std::string(1, '\0'), std::string(4097, 'a')}) {
    for (const int type : {7, 11, 13, 15, 16, 17, 19})
      expect_refused(Packet(type).u32(5).text(path).bytes(), 5, "path");
    expect_refused(open(1, path).bytes(), 5, "open");
    expect_refused(Packet(18).u32(5).text("from").text(path).bytes(), 5, "rename");
  }
}

TEST(Malformed, CountsOfExtendedAttributesAreNotBelieved) {
  for (const std::uint32_t count : {1U, 2U, 0x80000000U, 0xffffffffU})
    expect_refused(Packet(14).u32(1).text("d").u32(0x80000000).u32(count).bytes(), 5, "extended attributes");
}

TEST(Malformed, CuttingTheStreamAnywhereChangesNothing) {
  Buffer stream = prelude();
  for (const Packet& packet : good_packets())
    if (packet.bytes()[4] != 4) stream = stream + packet.bytes();
  stream = stream + write(40, 1, 9, std::string(300, 'w')).bytes() + Packet(77).u32(1).bytes() +
           Packet(6).u32(41).handle(1).u64(0).u32(500).text("short").bytes() +
           write(44, 1, 5, "data").text("left over").bytes() + close(42, 1).bytes() +
           Packet(3).u32(43).bytes(0x7fffffff);
  const Outcome whole = run(stream);
  EXPECT_TRUE(whole.broken);
  EXPECT_GT(whole.requests.size(), 20u);
  for (std::size_t place = 1; place < stream.size(); ++place)
    EXPECT_EQ(run(stream, [&](std::size_t at) { return at < place ? place - at : stream.size(); }), whole)
        << "cut at " << place;
  for (std::size_t size = 1; size < 70; ++size)
    EXPECT_EQ(run(stream, [&](std::size_t) { return size; }), whole) << "pieces of " << size;
}

}  // namespace
}  // namespace chancery::sftp
