#include <fstream>
#include <iterator>
#include <random>
#include <set>

#include "tests/unit/daemon/sftp/stream.h"

// Packets that are wrong, each with its exact answer. Every sentence is one of docs/sftp.md.
namespace chancery::sftp {
namespace {

using namespace testing;

constexpr std::uint32_t kFailure = 4, kBadMessage = 5, kUnsupported = 8;
constexpr const char* kNotOpen = "This handle is not open: open the file or folder again.";
constexpr const char* kTooLong = "No file can be that long: the offset is beyond 2^63 bytes.";
constexpr const char* kNotOffered =
    "This server does not offer that. Its README.txt says what can be done here.";
constexpr const char* kUnnamed = "The request is malformed: update the client program, or use another.";

std::string malformed(const std::string& name) {
  return "The request " + name + " is malformed: update the client program, or use another.";
}

bool page_says(std::string sentence) {
  static const std::string page = [] {
    std::ifstream file(CHANCERY_SOURCE_DIR "/docs/sftp.md");
    return std::string(std::istreambuf_iterator<char>(file), {});
  }();
  if (sentence.ends_with(" is malformed: update the client program, or use another."))
    sentence = malformed("NAME");
  return page.find("| " + sentence + " |") != std::string::npos;
}

// The packet is answered with just this, asks nothing of whoever serves, and what follows it is served.
void expect_refused(const Buffer& packet, std::uint32_t status, const std::string& sentence,
                    const std::string& what) {
  const Outcome outcome = run(prelude() + packet + Packet(17).u32(77).text("next").bytes());
  EXPECT_FALSE(outcome.broken) << what;
  EXPECT_EQ(outcome.requests.size(), 3u) << what;
  const auto replies = parse(outcome.output);
  ASSERT_EQ(replies.size(), 5u) << what;
  EXPECT_EQ(replies[3].id, u32_at(packet, 5)) << what;
  ASSERT_EQ(replies[3].status(), status) << what;
  EXPECT_EQ(replies[3].message(), sentence) << what;
  EXPECT_TRUE(page_says(sentence)) << sentence;
  EXPECT_EQ(replies[4].id, 77u) << what;
  EXPECT_EQ(replies[4].type, 105) << what;
}

void expect_broken(const Buffer& bytes, const std::string& reason, std::size_t requests) {
  const Outcome outcome = run(bytes);
  EXPECT_TRUE(outcome.broken);
  EXPECT_EQ(outcome.reason, reason);
  EXPECT_EQ(outcome.requests.size(), requests) << reason;
}

TEST(Malformed, EveryGoodPacketIsAnsweredOnceAndInItsKind) {
  for (Good& good : good_packets()) {
    const Outcome outcome = run(prelude() + good.packet.bytes());
    EXPECT_FALSE(outcome.broken) << good.name;
    const auto replies = parse(outcome.output);
    ASSERT_EQ(replies.size(), 4u) << good.name;
    EXPECT_EQ(replies[3].type, good.answer) << good.name;
    EXPECT_EQ(replies[3].status(), good.answer == 101 ? 0 : ~0U) << good.name;
  }
}

TEST(Malformed, EveryTruncationIsRefused) {
  int cases = 0;
  for (Good& good : good_packets()) {
    // The least that holds the name of an extended request.
    const std::size_t named = good.packet.body()[0] == 200 ? 9 + good.name.size() : 5;
    while (good.packet.body().size() > 5) {
      good.packet.body().pop_back();
      const std::size_t size = good.packet.body().size();
      expect_refused(good.packet.bytes(), kBadMessage,
                     size < named ? std::string(kUnnamed) : malformed(good.name),
                     good.name + " cut to " + std::to_string(size));
      ++cases;
    }
  }
  EXPECT_GE(cases, 500);
}

TEST(Malformed, BytesAfterTheLastFieldAreRefused) {
  for (Good& good : good_packets())
    for (const std::size_t extra : {1U, 4U, 5000U})
      if (good.name != "WRITE") {
        Packet packet = good.packet;
        for (std::size_t i = 0; i < extra; ++i) packet.u8(0);
        expect_refused(packet.bytes(), kBadMessage, malformed(good.name), good.name + " and more");
      }
}

// As rclone sends them.
TEST(Malformed, BytesAfterTheDataOfAWriteAreIgnored) {
  const Outcome outcome = run(prelude() + write(4, 1, 0, "data").text("left over").bytes());
  EXPECT_EQ(outcome.requests.back(), describe({3, Write{1, 0, {'d', 'a', 't', 'a'}}}));
  EXPECT_EQ(parse(outcome.output).back().status(), 0u);
}

// Uploads may hold the data for long, and count its size.
TEST(Malformed, WhatIsIgnoredIsNotHeld) {
  const Buffer stream = prelude() + write(4, 1, 0, "d").text(std::string(255'000, 'x')).bytes();
  for (const std::size_t piece : {std::size_t{1000}, stream.size()}) {
    std::vector<std::size_t> capacities;
    Engine* self = nullptr;
    Engine engine({}, [&](const Request& request) {
      if (const auto* write = std::get_if<Write>(&request.operation))
        capacities.push_back(write->data.capacity());
      self->reply(request.id, answer(request));
    });
    self = &engine;
    for (std::size_t at = 0; at < stream.size();)
      at += engine.feed(std::span(stream).subspan(at, std::min(piece, stream.size() - at)));
    ASSERT_EQ(capacities.size(), 1u);
    EXPECT_LT(capacities[0], 100u) << "in pieces of " << piece;
  }
}

TEST(Malformed, StringsThatRunPastTheEndAreRefused) {
  int cases = 0;
  for (const Good& good : good_packets()) {
    const bool extension = good.packet.bytes()[4] == 200;
    for (const std::size_t at : good.packet.strings()) {
      Packet packet = good.packet;
      const auto rest = static_cast<std::uint32_t>(packet.body().size() - at - 4);
      for (const std::uint32_t length : {rest + 1, 0x7fffffffU, 0x80000000U, 0xfffffffcU, 0xffffffffU}) {
        for (std::size_t i = 0; i < 4; ++i)
          packet.body()[at + i] = static_cast<std::uint8_t>(length >> (8 * (3 - i)));
        expect_refused(packet.bytes(), kBadMessage,
                       extension && at == 5 ? std::string(kUnnamed) : malformed(good.name),
                       good.name + ": a string of " + std::to_string(length));
        ++cases;
      }
    }
  }
  EXPECT_GE(cases, 200);
}

TEST(Malformed, ImpossibleLengthsBreakTheSession) {
  for (const std::uint32_t length :
       {0U, 1U, 2U, 3U, 4U, 256U * 1024 + 1, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
    const std::string reason = "The client sent a packet of " + std::to_string(length) + " bytes.";
    for (const Good& good : good_packets()) {
      expect_broken(prelude() + good.packet.bytes(length), reason, 2);
      expect_broken(prelude() + good.packet.bytes(length) + good.packet.bytes(), reason, 2);
    }
    expect_broken(Packet(1).u32(3).bytes(length), reason, 0);
  }
}

TEST(Malformed, AnythingBeforeInitBreaksTheSession) {
  for (const Good& good : good_packets())
    expect_broken(good.packet.bytes() + init(), "The client sent a request before INIT.", 0);
  for (int type = 0; type < 256; ++type)
    if (type != 1) expect_broken(Packet(type).u32(3).bytes(), "The client sent a request before INIT.", 0);
}

TEST(Malformed, SecondInitBreaksTheSession) {
  expect_broken(prelude() + init() + open(9, "after").bytes(), "The client sent INIT twice.", 2);
  expect_broken(init() + init(), "The client sent INIT twice.", 0);
}

// Section 4: whatever version and extensions the client names, the server's version is 3.
TEST(Malformed, AnyVersionInInitIsAnsweredWithThree) {
  for (const std::uint32_t version : {0U, 1U, 3U, 6U, 0xffffffffU}) {
    const Outcome outcome = run(Packet(1).u32(version).text("newline").text("\n").u8(9).bytes());
    EXPECT_FALSE(outcome.broken);
    const auto replies = parse(outcome.output);
    ASSERT_EQ(replies.size(), 1u);
    EXPECT_EQ(replies[0].type, 2);
    EXPECT_EQ(replies[0].id, 3u);
  }
}

TEST(Malformed, UnknownTypesAndExtensionsAreUnsupported) {
  std::set<int> known = {1, 200};
  for (Good& good : good_packets()) known.insert(good.packet.body()[0]);
  for (int type = 0; type < 256; ++type)
    if (!known.contains(type))
      expect_refused(Packet(type).u32(1).bytes(), kUnsupported, kNotOffered, std::to_string(type));
  for (const std::string& name :
       {std::string(), std::string("x"), std::string("copy-data"), std::string("check-file-names"),
        std::string("users-groups-by-id@openssh.com"), std::string("posix-rename@openssh.com\0", 25),
        std::string("POSIX-RENAME@openssh.com"), std::string(200'000, 'n')})
    expect_refused(extended(1, name).text("y").bytes(), kUnsupported, kNotOffered, name.substr(0, 40));
}

// Every request that names a handle, with this as its handle.
std::vector<Buffer> with_handle(const std::string& handle) {
  std::vector<Buffer> packets = {
      Packet(4).u32(1).text(handle).bytes(),
      Packet(5).u32(1).text(handle).u64(0).u32(1).bytes(),
      Packet(6).u32(1).text(handle).u64(0).text("x").bytes(),
      Packet(8).u32(1).text(handle).bytes(),
      Packet(10).u32(1).text(handle).u32(0).bytes(),
      Packet(12).u32(1).text(handle).bytes(),
  };
  for (const char* name : {"fsync@openssh.com", "fstatvfs@openssh.com"})
    packets.push_back(extended(1, name).text(handle).bytes());
  for (const char* name : {"check-file", "check-file-handle"})
    packets.push_back(extended(1, name).text(handle).text("sha256").u64(0).u64(0).u32(0).bytes());
  return packets;
}

std::string spelled(HandleId handle) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(handle >> shift));
  return bytes;
}

TEST(Malformed, HandlesThatAreNotOpenAreRefused) {
  std::vector<std::string> handles = {
      "", "1", std::string(7, '\0'), std::string(9, '\0'), std::string(256, 'h'), spelled(1) + spelled(1)};
  for (const HandleId handle :
       {HandleId{0}, HandleId{3}, HandleId{99}, ~HandleId{0}, HandleId{1} << 63, HandleId{1} << 56})
    handles.push_back(spelled(handle));
  std::mt19937_64 random(20261123);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same ones each time
  for (int i = 0; i < 40; ++i) handles.push_back(spelled(random() | 4));
  for (const std::string& handle : handles)
    for (const Buffer& packet : with_handle(handle)) expect_refused(packet, kFailure, kNotOpen, "a handle");
}

// Closed, then named again; and a handle of another session, which has opened more.
TEST(Malformed, StaleAndForeignHandlesAreRefused) {
  for (const Buffer& packet : with_handle(spelled(1))) {
    const Outcome outcome = run(prelude() + close(3, 1).bytes() + packet);
    EXPECT_EQ(outcome.requests.size(), 3u);
    EXPECT_EQ(parse(outcome.output).back().status(), kFailure);
    EXPECT_EQ(parse(outcome.output).back().message(), kNotOpen);
    EXPECT_EQ(outcome.open, std::vector<HandleId>{2});
  }
  const Outcome other = run(prelude() + open(3, "more").bytes());
  ASSERT_EQ(other.open.size(), 3u);
  for (const Buffer& packet : with_handle(spelled(other.open.back())))
    expect_refused(packet, kFailure, kNotOpen, "a foreign handle");
}

TEST(Malformed, HandlesOfTheOtherKindAreRefused) {
  const std::string folder = "This is a folder, not a file: list it.";
  expect_refused(read(1, 2, 0, 1).bytes(), kFailure, folder, "READ");
  expect_refused(write(1, 2, 0, "x").bytes(), kFailure, folder, "WRITE");
  expect_refused(extended(1, "fsync@openssh.com").handle(2).bytes(), kFailure, folder, "fsync");
  for (const char* name : {"check-file", "check-file-handle"})
    expect_refused(extended(1, name).handle(2).text("sha256").u64(0).u64(0).u32(0).bytes(), kFailure, folder,
                   name);
  expect_refused(Packet(12).u32(1).handle(1).bytes(), kFailure, "This is a file, not a folder: read it.",
                 "READDIR");
  for (const std::uint32_t flags : {std::uint32_t{kRead}, std::uint32_t{kWrite}}) {
    const bool reads = flags == kRead;
    const Outcome outcome =
        run(init() + open(1, "f", flags).bytes() + (reads ? write(2, 1, 0, "x") : read(2, 1, 0, 1)).bytes());
    const std::string said = parse(outcome.output).back().message();
    EXPECT_EQ(said, reads ? "The file is not open for writing: open it again to write it."
                          : "The file is not open for reading: open it again to read it.");
    EXPECT_TRUE(page_says(said)) << said;
  }
}

TEST(Malformed, TheSixtyFifthHandleIsRefused) {
  Buffer stream = init();
  for (std::uint32_t i = 1; i <= 64; ++i)
    stream = stream + (i % 2 == 0 ? open(i, "file") : Packet(11).u32(i).text("folder")).bytes();
  const std::string sentence = "Too many files and folders are open: close one first.";
  EXPECT_TRUE(page_says(sentence));
  for (const Packet& packet : {open(65, "x"), Packet(11).u32(65).text("d")}) {
    const Outcome outcome = run(stream + packet.bytes() + close(66, 1).bytes() + packet.bytes());
    const auto replies = parse(outcome.output);
    ASSERT_EQ(replies.size(), 68u);
    EXPECT_EQ(replies[65].status(), kFailure);
    EXPECT_EQ(replies[65].message(), sentence);
    EXPECT_EQ(replies[67].type, 102);
    EXPECT_EQ(outcome.open.size(), 64u);
  }
}

TEST(Malformed, OffsetsBeyondAnyFileAreRefused) {
  constexpr std::uint64_t kEnd = std::uint64_t{1} << 63;
  for (const std::uint64_t offset : {kEnd, kEnd + 1, ~std::uint64_t{0}, kEnd - 1}) {
    expect_refused(write(1, 1, offset, "x").bytes(), kFailure, kTooLong, "write");
    expect_refused(read(1, 1, offset, 1).bytes(), kFailure, kTooLong, "read");
  }
  expect_refused(read(1, 1, kEnd - 100, 101).bytes(), kFailure, kTooLong, "read over the end");
  expect_refused(write(1, 1, kEnd - 100, std::string(101, 'x')).bytes(), kFailure, kTooLong, "write over it");
}

TEST(Malformed, PathsWithAZeroByteOrOfImpossibleLengthAreRefused) {
  for (const std::string& path : {std::string("a\0b", 3), std::string(1, '\0'), std::string("a\0", 2),
                                  std::string(4097, 'a'), std::string(200'000, '/')}) {
    for (const Good& good : good_packets()) {
      const int type = good.packet.bytes()[4];
      if (type == 7 || type == 11 || type == 13 || (type >= 15 && type <= 17) || type == 19)
        expect_refused(Packet(type).u32(5).text(path).bytes(), kBadMessage, malformed(good.name), "path");
    }
    expect_refused(open(1, path).bytes(), kBadMessage, malformed("OPEN"), "open");
    expect_refused(Packet(9).u32(5).text(path).u32(0).bytes(), kBadMessage, malformed("SETSTAT"), "setstat");
    for (const auto& [type, name] : {std::pair{18, "RENAME"}, {20, "SYMLINK"}}) {
      expect_refused(Packet(type).u32(5).text("from").text(path).bytes(), kBadMessage, malformed(name), "to");
      expect_refused(Packet(type).u32(5).text(path).text("to").bytes(), kBadMessage, malformed(name), "from");
    }
    for (const char* name : {"statvfs@openssh.com", "expand-path@openssh.com"})
      expect_refused(extended(5, name).text(path).bytes(), kBadMessage, malformed(name), name);
  }
}

TEST(Malformed, AttributesAreNotBelieved) {
  for (const std::uint32_t count : {1U, 2U, 0x80000000U, 0xffffffffU})
    expect_refused(Packet(14).u32(1).text("d").u32(0x80000000).u32(count).bytes(), kBadMessage,
                   malformed("MKDIR"), "a count of extended attributes");
  for (const std::uint32_t flags : {1U, 2U, 4U, 8U, 0x8000000fU, 0xffffffffU})
    expect_refused(Packet(9).u32(1).text("f").u32(flags).bytes(), kBadMessage, malformed("SETSTAT"),
                   "flags without what they announce");
}

TEST(Malformed, OtherHashesThanSha256AreRefused) {
  for (const char* list : {"", ",", "md5", "sha1,sha512,crc32", "sha2561", "SHA256", " sha256", "sha25"})
    for (const char* name : {"check-file", "check-file-handle"})
      expect_refused(extended(1, name).handle(1).text(list).u64(0).u64(0).u32(0).bytes(), kFailure,
                     "Only SHA-256 is recorded here: ask for sha256.", list);
}

}  // namespace
}  // namespace chancery::sftp
