#include "tests/unit/daemon/sftp/stream.h"

// However a stream of bytes is cut, the engine makes the same of it.
namespace chancery::sftp {
namespace {

using namespace testing;

void expect_same_however_cut(const Buffer& stream, std::size_t from, const std::string& what) {
  const Outcome whole = run(stream);
  for (std::size_t place = from + 1; place < stream.size(); ++place)
    EXPECT_EQ(run(stream, [&](std::size_t at) { return at < place ? place - at : stream.size(); }), whole)
        << what << " cut at " << place;
  EXPECT_EQ(run(stream, [](std::size_t) { return std::size_t{1}; }), whole) << what << " byte by byte";
}

TEST(Split, EveryKindOfRequestIsTheSameCutAtEveryByte) {
  for (Good& good : good_packets()) {
    expect_same_however_cut(prelude() + good.packet.bytes(), prelude().size(), good.name);
    expect_same_however_cut(prelude() + good.packet.u8(0).bytes() + close(50, 1).bytes(), prelude().size(),
                            good.name + " with a byte too many");
    for (int i = 0; i < 2; ++i) good.packet.body().pop_back();
    expect_same_however_cut(prelude() + good.packet.bytes() + close(50, 1).bytes(), prelude().size(),
                            good.name + " with a byte too few");
  }
}

TEST(Split, AllOfThemInOneStreamAreTheSameCutAnywhere) {
  Buffer stream = prelude();
  for (const Good& good : good_packets())
    if (good.name != "CLOSE") stream = stream + good.packet.bytes();
  stream = stream + write(40, 1, 9, std::string(300, 'w')).bytes() + Packet(77).u32(1).bytes() +
           Packet(6).u32(41).handle(1).u64(0).u32(500).text("short").bytes() +
           write(44, 1, 5, "data").text("left over").bytes() + close(42, 1).bytes() +
           Packet(3).u32(43).bytes(0x7fffffff);
  const Outcome whole = run(stream);
  EXPECT_TRUE(whole.broken);
  EXPECT_GT(whole.requests.size(), 20u);
  expect_same_however_cut(stream, 0, "the stream");
  for (std::size_t size = 2; size < 70; ++size)
    EXPECT_EQ(run(stream, [&](std::size_t) { return size; }), whole) << "pieces of " << size;
}

TEST(Split, WhatEndsASessionIsTheSameCutAtEveryByte) {
  for (const std::uint32_t length : {0U, 1U, 4U, 256U * 1024 + 1, 0x80000000U, 0xffffffffU})
    expect_same_however_cut(prelude() + open(3, "x").bytes(length) + open(4, "y").bytes(), prelude().size(),
                            "length " + std::to_string(length));
  expect_same_however_cut(open(3, "x").bytes() + init(), 0, "a request before INIT");
  expect_same_however_cut(init() + init() + open(3, "x").bytes(), 0, "INIT twice");
}

}  // namespace
}  // namespace chancery::sftp
