#include "daemon/sftp/engine.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/unit/daemon/sftp/packets.h"

namespace chancery::sftp {
namespace {

using namespace testing;

// An engine with its requests kept, after INIT.
struct Server {
  explicit Server(Limits limits = {}) : engine(limits, [this](Request r) { asked.push_back(std::move(r)); }) {
    engine.feed(init());
    engine.take_output();
  }
  std::vector<FromServer> send(const Buffer& bytes) {
    fed = engine.feed(bytes);
    return answers();
  }
  std::vector<FromServer> answers() { return parse(engine.take_output()); }
  // Opens a file or folder and answers its handle.
  HandleId opened(std::uint32_t flags = kRead | kWrite, bool directory = false) {
    engine.feed(directory ? Packet(11).u32(7).text("d").bytes() : open(7, "f", flags).bytes());
    const std::uint64_t id = asked.back().id;
    engine.reply(id, OpenedReply{directory});
    const auto replies = answers();
    EXPECT_EQ(replies.at(0).type, 102);
    return Engine::handle_for(id);
  }
  template <typename Operation>
  const Operation& last() const {
    return std::get<Operation>(asked.back().operation);
  }

  std::vector<Request> asked;
  std::size_t fed = 0;
  Engine engine;
};

TEST(Engine, GreetsWithVersionThreeAndItsExtensions) {
  Engine engine({}, [](const Request&) { FAIL(); });
  engine.feed(init());
  const auto replies = parse(engine.take_output());
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].type, 2);
  EXPECT_EQ(replies[0].id, 3u);
  const std::string names(replies[0].rest.begin(), replies[0].rest.end());
  for (const char* name :
       {"posix-rename@openssh.com", "statvfs@openssh.com", "fsync@openssh.com", "limits@openssh.com",
        "expand-path@openssh.com", "home-directory", "lsetstat@openssh.com", "check-file"})
    EXPECT_NE(names.find(name), std::string::npos) << name;
  EXPECT_EQ(names.find("hardlink"), std::string::npos);
}

TEST(Engine, HandsOverEveryFieldOfARequest) {
  Server server;
  server.send(Packet(3)
                  .u32(9)
                  .text("a/b")
                  .u32(kWrite | kCreate)
                  .u32(0x8000000f)
                  .u64(5)
                  .u32(1)
                  .u32(2)
                  .u32(0644)
                  .u32(3)
                  .u32(4)
                  .u32(1)
                  .text("ext")
                  .text("skipped")
                  .bytes());
  const auto& open = server.last<Open>();
  EXPECT_EQ(open.path, "a/b");
  EXPECT_EQ(open.flags, unsigned{kWrite | kCreate});
  EXPECT_EQ(open.attributes.size, 5u);
  EXPECT_EQ(open.attributes.owner->gid, 2u);
  EXPECT_EQ(open.attributes.permissions, 0644u);
  EXPECT_EQ(open.attributes.times->modified, 4u);
  server.send(Packet(18).u32(1).text("from").text("to").bytes());
  EXPECT_EQ(server.last<Rename>().from, "from");
  EXPECT_FALSE(server.last<Rename>().replace);
  server.send(Packet(200).u32(1).text("posix-rename@openssh.com").text("from").text("to").bytes());
  EXPECT_EQ(server.last<Rename>().to, "to");
  EXPECT_TRUE(server.last<Rename>().replace);
  server.send(Packet(20).u32(1).text("target").text("link").bytes());
  EXPECT_EQ(server.last<MakeLink>().path, "link");
  EXPECT_EQ(server.last<MakeLink>().target, "target");
  server.send(Packet(7).u32(1).text("x").bytes());
  EXPECT_FALSE(server.last<Stat>().follow);
  server.send(Packet(200).u32(1).text("expand-path@openssh.com").text("~/x").bytes());
  EXPECT_EQ(server.last<RealPath>().path, "./x");
  server.send(Packet(200).u32(1).text("home-directory").text("someone").bytes());
  EXPECT_EQ(server.last<RealPath>().path, ".");
  const HandleId handle = server.opened();
  server.send(write(1, handle, 77, "abc").bytes());
  EXPECT_EQ(server.last<Write>().offset, 77u);
  EXPECT_EQ(server.last<Write>().data, (Buffer{'a', 'b', 'c'}));
  server.send(Packet(200).u32(1).text("fsync@openssh.com").handle(handle).bytes());
  EXPECT_EQ(server.last<Sync>().handle, handle);
  server.send(Packet(200).u32(1).text("fstatvfs@openssh.com").handle(handle).bytes());
  EXPECT_EQ(server.last<StatFileSystem>().path, "/");
  server.send(Packet(200).u32(1).text("lsetstat@openssh.com").text("x").u32(4).u32(0600).bytes());
  EXPECT_FALSE(server.last<SetStat>().follow);
  EXPECT_EQ(server.last<SetStat>().attributes.permissions, 0600u);
}

Packet check_file(const char* name, const char* algorithms) {
  Packet packet = Packet(200).u32(9).text(name);
  if (std::string_view(name) == "check-file-name")
    packet.text("a/b");
  else
    packet.handle(1);
  return packet.text(algorithms).u64(7).u64(8).u32(9);
}

TEST(Engine, AnswersARecordedHashInTheFormOfEachRequest) {
  for (const char* name : {"check-file-name", "check-file-handle", "check-file"}) {
    Server server;
    server.opened();
    EXPECT_TRUE(server.send(check_file(name, "md5,sha256").bytes()).empty());
    const auto& check = server.last<CheckFile>();
    EXPECT_EQ(check.path.empty(), check.handle == 1);
    EXPECT_EQ(check.offset, 7u);
    EXPECT_EQ(check.length, 8u);
    EXPECT_EQ(check.block, 9u);
    DigestReply digest;
    digest.sha256.fill('h');
    server.engine.reply(server.asked.back().id, digest);
    const auto reply = server.answers().at(0);
    EXPECT_EQ(reply.type, 201);
    const std::string rest(reply.rest.begin(), reply.rest.end());
    const std::string prefix =
        std::string_view(name) == "check-file" ? std::string("\0\0\0\x0a", 4) + name : "";
    EXPECT_EQ(rest, prefix + std::string("\0\0\0\x06sha256", 10) + std::string(32, 'h'));
  }
}

TEST(Engine, RefusesOtherHashesThanTheRecordedOne) {
  for (const char* list : {"md5", "", ",", "sha2561", "sha1,md5", "SHA256"}) {
    Server server;
    server.opened();
    const std::size_t asked = server.asked.size();
    const auto replies = server.send(check_file("check-file-handle", list).bytes());
    EXPECT_EQ(replies.at(0).status(), 4u);
    EXPECT_EQ(replies[0].message(), "Only SHA-256 is recorded here: ask for sha256.");
    EXPECT_EQ(server.asked.size(), asked);
  }
}

TEST(CheckFile, AWholeFileIsOneHashFromTheFirstByteToTheLast) {
  const auto whole = [](std::uint64_t offset, std::uint64_t length, std::uint32_t block) {
    return CheckFile{"", 1, offset, length, block}.whole(1000);
  };
  EXPECT_TRUE(whole(0, 0, 0));
  EXPECT_TRUE(whole(0, 1000, 1000));
  EXPECT_TRUE(whole(0, 2000, 4096));
  EXPECT_FALSE(whole(1, 0, 0));
  EXPECT_FALSE(whole(0, 999, 0));
  EXPECT_FALSE(whole(0, 0, 999));
}

TEST(Engine, AnswersCarryTheClientsIdInTheOrderOfTheAnswers) {
  Server server;
  const HandleId handle = server.opened();
  for (std::uint32_t id = 100; id < 164; ++id) server.send(write(id, handle, id, "data").bytes());
  ASSERT_EQ(server.asked.size(), 65u);
  for (std::size_t i = 64; i > 0; --i) server.engine.reply(server.asked[i].id, StatusReply{});
  const auto replies = server.answers();
  ASSERT_EQ(replies.size(), 64u);
  for (std::uint32_t i = 0; i < 64; ++i) EXPECT_EQ(replies[i].id, 163 - i);
  EXPECT_EQ(server.engine.unanswered(), 0u);
}

TEST(Engine, ClipsReadsAndCutsAnswersToThem) {
  Server server;
  const HandleId handle = server.opened();
  server.send(read(1, handle, 0, 0xffffffff).bytes());
  EXPECT_EQ(server.last<Read>().length, Limits{}.read_bytes);
  server.send(read(2, handle, 0, 3).bytes());
  server.engine.reply(server.asked.back().id, DataReply{{1, 2, 3, 4}});
  EXPECT_EQ(server.answers().at(0).rest, (Buffer{0, 0, 0, 3, 1, 2, 3}));
  server.send(read(3, handle, 3, 3).bytes());
  server.engine.reply(server.asked.back().id, DataReply{});
  EXPECT_EQ(server.answers().at(0).status(), 1u);
}

TEST(Engine, SplitsNamesOverPacketsAndKeepsTheRest) {
  Server server;
  const HandleId handle = server.opened(0, true);
  const Buffer readdir = Packet(12).u32(5).handle(handle).bytes();
  server.send(readdir);
  NamesReply names;
  for (int i = 0; i < 1000; ++i)
    names.files.push_back({"name" + std::to_string(i), std::string(100, 'l'), Attributes{.size = 5}});
  server.engine.reply(server.asked.back().id, names);
  const std::size_t asked = server.asked.size();
  std::uint32_t received = 0;
  auto replies = server.answers();
  while (server.asked.size() == asked) {
    ASSERT_EQ(replies.at(0).type, 104);
    EXPECT_LE(replies[0].rest.size(), 34000u);
    received += u32_at(replies[0].rest, 0);
    replies = server.send(readdir);
  }
  EXPECT_EQ(received, 1000u);
  server.engine.reply(server.asked.back().id, NamesReply{});
  EXPECT_EQ(server.answers().at(0).status(), 1u);
}

TEST(Engine, TwoReaddirsAtOnceLoseNoNames) {
  Server server;
  const HandleId handle = server.opened(0, true);
  for (std::uint32_t id = 1; id < 3; ++id) server.send(Packet(12).u32(id).handle(handle).bytes());
  NamesReply names{{{std::string(20000, 'a'), "", {}}, {std::string(20000, 'b'), "", {}}}};
  server.engine.reply(server.asked[1].id, names);
  server.engine.reply(server.asked[2].id, StatusReply{Status::eof, ""});
  const auto replies = server.answers();
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_EQ(replies[0].type, 104);
  EXPECT_EQ(replies[1].type, 104);
}

TEST(Engine, RefusesTheSixtyFifthHandleUntilOneIsClosed) {
  Server server;
  HandleId last = 0;
  for (int i = 0; i < 64; ++i) last = server.opened();
  const std::size_t asked = server.asked.size();
  EXPECT_EQ(server.send(open(1, "x").bytes()).at(0).status(), 4u);
  EXPECT_EQ(server.asked.size(), asked);
  server.send(close(2, last).bytes());
  EXPECT_EQ(server.engine.open_handles().size(), 63u);
  server.opened();
  EXPECT_EQ(server.engine.open_handles().size(), 64u);
}

TEST(Engine, CountsHandlesThatAreStillBeingOpened) {
  Server server;
  for (std::uint32_t i = 0; i < 64; ++i) EXPECT_TRUE(server.send(open(i, "x").bytes()).empty());
  EXPECT_EQ(server.send(open(64, "x").bytes()).at(0).status(), 4u);
  server.engine.reply(server.asked[0].id, StatusReply{Status::no_such_file, ""});
  server.answers();
  EXPECT_TRUE(server.send(open(65, "x").bytes()).empty());
}

TEST(Engine, RefusesWhatAHandleWasNotOpenedFor) {
  Server server;
  const HandleId reading = server.opened(kRead);
  const HandleId writing = server.opened(kWrite);
  const HandleId folder = server.opened(0, true);
  const std::size_t asked = server.asked.size();
  EXPECT_EQ(server.send(write(1, reading, 0, "x").bytes()).at(0).status(), 4u);
  EXPECT_EQ(server.send(read(2, writing, 0, 1).bytes()).at(0).status(), 4u);
  EXPECT_EQ(server.send(read(3, folder, 0, 1).bytes()).at(0).message(),
            "This is a folder, not a file: list it.");
  EXPECT_EQ(server.send(Packet(12).u32(4).handle(reading).bytes()).at(0).status(), 4u);
  EXPECT_EQ(server.asked.size(), asked);
}

TEST(Engine, StopsConsumingWhileTooManyRequestsAreUnanswered) {
  Server server(Limits{.requests = 2});
  Buffer bytes;
  for (std::uint32_t id = 1; id <= 3; ++id) {
    const Buffer one = Packet(17).u32(id).text("x").bytes();
    bytes.insert(bytes.end(), one.begin(), one.end());
  }
  server.send(bytes);
  EXPECT_EQ(server.asked.size(), 2u);
  ASSERT_EQ(server.fed, bytes.size() / 3 * 2);
  EXPECT_EQ(server.engine.feed(std::span(bytes).subspan(server.fed)), 0u);
  server.engine.reply(server.asked[0].id, AttributesReply{});
  EXPECT_EQ(server.engine.feed(std::span(bytes).subspan(server.fed)), bytes.size() / 3);
  EXPECT_EQ(server.asked.size(), 3u);
}

TEST(Engine, TakesNoPacketAfterTheOneInWhichItIsPausedAndGoesOnAfterwards) {
  Engine* paused = nullptr;
  std::size_t asked = 0;
  Engine engine({}, [&](const Request&) {
    ++asked;
    paused->pause();
  });
  paused = &engine;
  engine.feed(init());
  const Buffer one = Packet(17).u32(1).text("x").bytes();
  Buffer three;
  for (int i = 0; i < 3; ++i) three.insert(three.end(), one.begin(), one.end());
  EXPECT_EQ(engine.feed(three), one.size());
  EXPECT_EQ(engine.feed(std::span(three).subspan(one.size())), one.size());
  // The same where a packet comes in parts.
  EXPECT_EQ(engine.feed(std::span(three).first(6)), 6u);
  EXPECT_EQ(engine.feed(std::span(three).subspan(6)), one.size() - 6);
  EXPECT_EQ(asked, 3u);
}

TEST(Engine, StopsConsumingAtTheBytesItMayHold) {
  Server server(Limits{.held_bytes = 100'000});
  const HandleId handle = server.opened();
  const Buffer packet = write(1, handle, 0, std::string(40'000, 'x')).bytes();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(server.engine.feed(packet), packet.size());
  EXPECT_EQ(server.engine.feed(packet), 0u);
  server.engine.reply(server.asked[1].id, StatusReply{});
  EXPECT_EQ(server.engine.feed(packet), packet.size());
}

TEST(Engine, StopsConsumingWhileItsOutputIsNotTaken) {
  Server server(Limits{.held_bytes = 1000});
  const Buffer bad = Packet(99).u32(1).bytes();
  int consumed = 0;
  while (server.engine.feed(bad) == bad.size() && consumed < 1000) ++consumed;
  EXPECT_LT(consumed, 100);
  server.engine.take_output();
  EXPECT_EQ(server.engine.feed(bad), bad.size());
}

// What a session has, as docs/sftp.md says.
TEST(Engine, LeavesAtMostAThousandAndTwentyFourRequestsUnanswered) {
  Server server;
  const auto one = [](std::uint32_t id) { return Packet(17).u32(id).text("x").bytes(); };
  for (std::uint32_t id = 1; id <= 1024; ++id) ASSERT_EQ(server.engine.feed(one(id)), one(id).size()) << id;
  EXPECT_EQ(server.engine.feed(one(1025)), 0u);
  EXPECT_EQ(server.asked.size(), 1024u);
  server.engine.reply(server.asked[500].id, AttributesReply{});
  EXPECT_EQ(server.engine.feed(one(1025)), one(1025).size());
  EXPECT_EQ(server.engine.feed(one(1026)), 0u);
}

// Feeds such packets until no more are taken, and answers how many bytes of them are held then.
std::size_t held_of(Server& server, const Buffer& packet, std::size_t each) {
  server.asked.clear();
  while (server.asked.size() < 1024 && server.engine.feed(packet) == packet.size()) continue;
  return server.asked.size() * each;
}

TEST(Engine, HoldsTwoMebibytesOfRequestsAndOnePacketBeyond) {
  constexpr std::size_t kMost = 2UL * 1024 * 1024;
  Server writes;
  const Buffer large = write(1, writes.opened(), 0, std::string(100'000, 'x')).bytes();
  const std::size_t written = held_of(writes, large, large.size() - 4);
  EXPECT_GE(written, kMost);
  EXPECT_LT(written, kMost + large.size());
  // What a READ may return counts too, from when it is asked until it was taken.
  Server reads;
  const Buffer all = read(1, reads.opened(), 0, 255 * 1024).bytes();
  const std::size_t asked = held_of(reads, all, all.size() - 4 + 255UL * 1024);
  EXPECT_GE(asked, kMost);
  EXPECT_LT(asked, kMost + all.size() + 255UL * 1024);
  for (const Request& request : reads.asked)
    reads.engine.reply(request.id, DataReply{Buffer(255UL * 1024, 'x')});
  EXPECT_EQ(reads.engine.feed(all), 0u);
  reads.engine.take_output();
  EXPECT_EQ(reads.engine.feed(all), all.size());
}

TEST(Engine, CountsWhatReaddirAndRealpathMayAnswer) {
  constexpr std::size_t kMost = 2UL * 1024 * 1024;
  Server lists;
  const Buffer next = Packet(12).u32(1).handle(lists.opened(0, true)).bytes();
  held_of(lists, next, 0);
  EXPECT_GE(lists.asked.size(), 16u) << "several at once are nothing odd";
  EXPECT_LT(lists.asked.size(), 64u);
  // The first answer has names for all of them.
  std::vector<NamedFile> names(10'000, NamedFile{std::string(200, 'n'), {}, {}});
  const std::vector<Request> asked = lists.asked;
  lists.engine.reply(asked[0].id, NamesReply{std::move(names)});
  for (std::size_t i = 1; i < asked.size(); ++i)
    lists.engine.reply(asked[i].id, StatusReply{Status::eof, ""});
  const std::size_t output = lists.engine.take_output().size();
  EXPECT_GT(output, kMost / 2) << "all were answered with names";
  EXPECT_LT(output, kMost + 64UL * 1024);

  Server paths;
  const std::string path(4000, 'p');
  const Buffer real = Packet(16).u32(1).text(path).bytes();
  EXPECT_LT(held_of(paths, real, 3 * path.size()), kMost + 4 * path.size());
}

TEST(Engine, TakesAPacketOf256KibibytesAndNoLongerOne) {
  constexpr std::size_t kLongest = 256UL * 1024;
  const std::size_t fields = write(1, 1, 0, "").bytes().size() - 4;
  for (const std::size_t piece : {kLongest + 4, std::size_t{1000}}) {
    Server server;
    const HandleId handle = server.opened();
    const auto of = [&](std::size_t length) {
      return write(1, handle, 0, std::string(length - fields, 'x')).bytes();
    };
    const auto feed = [&](const Buffer& bytes) {
      for (std::size_t at = 0; at < bytes.size() && !server.engine.broken(); at += piece)
        server.engine.feed(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)));
    };
    feed(of(kLongest));
    EXPECT_EQ(server.last<Write>().data.size(), kLongest - fields);
    const std::size_t asked = server.asked.size();
    feed(of(kLongest + 1));
    EXPECT_TRUE(server.engine.broken());
    EXPECT_EQ(server.engine.reason(), "The client sent a packet of 262145 bytes.");
    EXPECT_EQ(server.asked.size(), asked);
  }
}

TEST(Engine, TakesAPathOf4096Bytes) {
  Server server;
  server.send(Packet(17).u32(1).text(std::string(4096, 'p')).bytes());
  EXPECT_EQ(server.last<Stat>().path.size(), 4096u);
}

TEST(Engine, TakesNoMoreRoomForDataThanItHolds) {
  Server server;
  const HandleId handle = server.opened();
  constexpr std::uint32_t kLength = 255 * 1024;
  server.asked.clear();
  for (std::uint32_t id = 0; id < 9; ++id)
    server.engine.feed(read(id, handle, std::uint64_t{id} * kLength, kLength).bytes());
  ASSERT_EQ(server.asked.size(), 9u);
  for (const Request& read : server.asked) server.engine.reply(read.id, DataReply{Buffer(kLength, 'x')});
  const Buffer output = server.engine.take_output();
  EXPECT_GT(output.size(), 9u * kLength);
  EXPECT_LE(output.capacity(), Limits().held_bytes + 2 * kLength);
}

TEST(Engine, AnswersLimitsItself) {
  Server server;
  const auto replies = server.send(Packet(200).u32(3).text("limits@openssh.com").bytes());
  ASSERT_EQ(replies.at(0).type, 201);
  EXPECT_EQ(u32_at(replies[0].rest, 4), 256u * 1024);
  EXPECT_EQ(u32_at(replies[0].rest, 12), 255u * 1024);
  EXPECT_EQ(u32_at(replies[0].rest, 20), 255u * 1024);
  EXPECT_EQ(u32_at(replies[0].rest, 28), 64u);
  EXPECT_TRUE(server.asked.empty());
}

TEST(Engine, MakesAnAnswerOfTheWrongKindAFailure) {
  Server server;
  server.send(Packet(17).u32(1).text("x").bytes());
  server.engine.reply(server.asked.back().id, NamesReply{});
  EXPECT_EQ(server.answers().at(0).status(), 4u);
  server.send(Packet(16).u32(1).text("x").bytes());
  server.engine.reply(server.asked.back().id, NamesReply{});
  EXPECT_EQ(server.answers().at(0).status(), 4u);
}

TEST(Engine, MakesAThrowOfTheServerAFailure) {
  Engine engine({}, [](const Request&) { throw std::runtime_error("disk"); });
  engine.feed(init());
  engine.take_output();
  engine.feed(open(4, "x").bytes());
  const auto replies = parse(engine.take_output());
  EXPECT_EQ(replies.at(0).status(), 4u);
  EXPECT_EQ(engine.unanswered(), 0u);
}

TEST(Engine, GivesEveryStatusASentence) {
  for (std::uint32_t code = 0; code <= 8; ++code) {
    Server server;
    server.send(Packet(13).u32(1).text("x").bytes());
    server.engine.reply(server.asked.back().id, StatusReply{static_cast<Status>(code), ""});
    EXPECT_FALSE(server.answers().at(0).message().empty()) << code;
  }
}

}  // namespace
}  // namespace chancery::sftp
