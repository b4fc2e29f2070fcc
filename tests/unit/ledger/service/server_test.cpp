#include "ledger/service/server.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include "tests/unit/ledger/service/fixture.h"

namespace chancery::service {
namespace {

class ServerTest : public ServiceTest {
 protected:
  // Entries of some 4 kB each.
  RawClient hub_that_appended(int entries) {
    RawClient hub = greeted(Role::hub);
    const std::string long_name(4000, 'n');
    Append batch;
    for (int i = 0; i < entries; ++i) batch.batch.push_back(accepted(long_name));
    EXPECT_TRUE(hub.send(encode(Request{2, batch})));
    EXPECT_TRUE(hub.receive());
    return hub;
  }
};

std::string refusal_in(const std::optional<Reply>& reply) {
  const auto* refusal = reply ? std::get_if<Refusal>(&reply->answer) : nullptr;
  return refusal != nullptr ? refusal->reason : "";
}

TEST_F(ServerTest, hello_comes_first_and_once) {
  start();
  RawClient early(options_.socket);
  early.send(encode(Request{1, GetHead{}}));
  EXPECT_TRUE(early.ended());
  RawClient twice = greeted(Role::reader);
  twice.send(encode(Request{2, Hello{Role::reader}}));
  EXPECT_TRUE(twice.ended());
}

TEST_F(ServerTest, who_says_nothing_is_let_go) {
  options_.hello_within = std::chrono::milliseconds(50);
  start();
  const RawClient silent(options_.socket);
  EXPECT_TRUE(silent.ended());
  const RawClient greeter = greeted(Role::reader);
  std::this_thread::sleep_for(std::chrono::milliseconds(120));
  EXPECT_TRUE(greeter.send(encode(Request{2, GetHead{}})));
  EXPECT_TRUE(greeter.receive());
}

TEST_F(ServerTest, roles_belong_to_users) {
  options_.hub_uid = ::geteuid() + 1;
  options_.admin_uid = ::geteuid() + 1;
  start();
  for (const Role role : {Role::hub, Role::administrator}) {
    const RawClient client(options_.socket);
    client.send(encode(Request{1, Hello{role}}));
    EXPECT_NE(refusal_in(client.receive()).find("may not take this role"), std::string::npos);
    EXPECT_TRUE(client.ended());
  }
  const RawClient reader = greeted(Role::reader);
}

TEST_F(ServerTest, openings_are_for_the_users_of_hub_and_administrator_also_as_readers) {
  options_.hub_uid = ::geteuid() + 1;
  for (const bool administrator : {true, false}) {
    options_.admin_uid = ::geteuid() + (administrator ? 0 : 1);
    start();
    {
      const RawClient reader = greeted(Role::reader);
      reader.send(encode(Request{3, GetEntries{0, 5, true}}));
      const auto reply = reader.receive();
      EXPECT_EQ(std::holds_alternative<EntriesReply>(reply->answer), administrator);
      EXPECT_EQ(refusal_in(reply).empty(), administrator);
    }
    stop();
  }
}

TEST_F(ServerTest, readers_end_nobody_elses_connection) {
  start();
  const RawClient administrator = greeted(Role::administrator);
  const RawClient reader = greeted(Role::reader);
  const RawClient other = greeted(Role::reader);
  for (const RawClient* client : {&administrator, &reader, &other}) {
    client->send(encode(Request{2, GetEntries{0, 1, true}}));
    const auto reply = client->receive();
    ASSERT_TRUE(reply);
    EXPECT_EQ(std::get<EntriesReply>(reply->answer).entries.at(0).openings.size(), 1U);
  }
}

TEST_F(ServerTest, each_role_may_do_what_its_row_says) {
  start();
  const RawClient reader = greeted(Role::reader);
  reader.send(encode(Request{2, Append{{accepted("x")}}}));
  EXPECT_NE(refusal_in(reader.receive()).find("may not ask append"), std::string::npos);
  reader.send(encode(Request{4, GetEntries{0, 5, false}}));
  EXPECT_EQ(std::get<EntriesReply>(reader.receive()->answer).entries.size(), 1U);

  const RawClient administrator = greeted(Role::administrator);
  administrator.send(encode(Request{2, Append{{accepted("x")}}}));
  EXPECT_EQ(std::get<Appended>(administrator.receive()->answer).outcome, Outcome::refused);
  administrator.send(encode(Request{3, Append{{admin_action()}}}));
  EXPECT_EQ(std::get<Appended>(administrator.receive()->answer).outcome, Outcome::durable);
  EXPECT_EQ(log_->head().size, 2U);
}

TEST_F(ServerTest, hello_ends_the_connection_before_it_and_counts_what_that_had_queued) {
  start();
  const RawClient first = greeted(Role::hub);
  for (std::uint64_t id = 2; id < 102; ++id) first.send(encode(Request{id, Append{{accepted("x")}}}));
  const RawClient second(options_.socket);
  second.send(encode(Request{1, Hello{Role::hub}}));
  const auto reply = second.receive();
  const std::uint64_t size = std::get<Head>(reply->answer).size;
  while (first.receive()) {
  }
  second.send(encode(Request{2, GetHead{}}));
  EXPECT_EQ(std::get<Head>(second.receive()->answer).size, size)
      << "something was appended after the answer to hello";
  const RawClient other = greeted(Role::administrator);
  second.send(encode(Request{3, GetHead{}}));
  EXPECT_TRUE(second.receive()) << "another role ended this one";
}

TEST_F(ServerTest, the_socket_is_for_those_who_have_a_role) {
  start();
  struct stat info {};
  ASSERT_EQ(::stat(options_.socket.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  stop();
  options_.hub_uid = ::geteuid() + 1;
  start();
  ASSERT_EQ(::stat(options_.socket.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660U);
}

TEST_F(ServerTest, only_a_socket_nobody_listens_on_is_replaced) {
  start();
  EXPECT_THROW(Server(*log_, options_), ServerError);
  const RawClient still = greeted(Role::reader);
  stop();
  EXPECT_FALSE(std::filesystem::exists(options_.socket));
  {
    const int stale = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    options_.socket.native().copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(stale, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::close(stale);
  }
  start();
  const RawClient client = greeted(Role::reader);
}

TEST_F(ServerTest, a_malformed_frame_ends_its_connection_and_no_other) {
  start();
  const RawClient witness = greeted(Role::administrator);
  const std::string good = encode(Request{7, Append{{accepted("x")}}});
  // Cut at every byte, the length saying so: every prefix of a frame is malformed.
  for (std::size_t length = 1; length < good.size() - kPrefixBytes; ++length) {
    const RawClient client = greeted(Role::hub);
    std::string cut = good.substr(0, kPrefixBytes + length);
    cut[2] = static_cast<char>(length >> 8);
    cut[3] = static_cast<char>(length);
    client.send(cut);
    ASSERT_TRUE(client.ended()) << "cut at " << length;
  }
  witness.send(encode(Request{2, GetHead{}}));
  EXPECT_EQ(std::get<Head>(witness.receive()->answer).size, 1U);
}

TEST_F(ServerTest, frames_arrive_in_pieces) {
  start();
  const RawClient client = greeted(Role::hub);
  const std::string frame = encode(Request{2, Append{{accepted("x")}}});
  for (std::size_t at = 0; at < frame.size(); at += 7) {
    client.send(std::string_view(frame).substr(at, 7));
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  EXPECT_EQ(std::get<Appended>(client.receive()->answer).outcome, Outcome::durable);
}

TEST_F(ServerTest, oversized_and_empty_frames_end_the_connection) {
  start();
  for (const std::string_view prefix :
       {std::string_view("\x01\x00\x00\x01", 4), std::string_view("\xff\xff\xff\xff", 4),
        std::string_view("\0\0\0\0", 4)}) {
    const RawClient client = greeted(Role::hub);
    client.send(prefix);
    EXPECT_TRUE(client.ended());
  }
  const RawClient before_hello(options_.socket);
  before_hello.send(std::string_view("\x00\x10\x00\x00", 4));
  EXPECT_TRUE(before_hello.ended()) << "a stranger may make the service keep a megabyte";
  const RawClient reader = greeted(Role::reader);
  reader.send(std::string_view("\x00\x00\x10\x01", 4));
  EXPECT_TRUE(reader.ended()) << "each of many readers may make the service keep megabytes";
}

TEST_F(ServerTest, a_flood_that_is_never_read_is_held_back_and_others_are_served) {
  start();
  const RawClient flood = greeted(Role::hub);
  const std::string frame = encode(Request{2, GetEntries{0, 1024, true}});
  std::size_t sent = 0;
  for (int pause = 0; pause < 20 && sent < 200'000;) {  // until the service has stopped reading for a while
    if (flood.send_now(frame)) {
      ++sent;
      pause = 0;
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      ++pause;
    }
  }
  EXPECT_LT(sent, 200'000U) << "the service took everything";
  const RawClient other = greeted(Role::administrator);
  EXPECT_TRUE(other.send(encode(Request{2, GetHead{}})));
  EXPECT_TRUE(other.receive());
}

// An answer that was made before the last entry was appended lacks it: those that the reader left unread.
TEST_F(ServerTest, of_a_reader_that_does_not_read_few_answers_are_kept) {
  start();
  const RawClient hub = hub_that_appended(100);
  const RawClient reader = greeted(Role::reader);
  constexpr std::uint64_t kAsked = 30;
  for (std::uint64_t id = 2; id < 2 + kAsked; ++id)
    ASSERT_TRUE(reader.send(encode(Request{id, GetEntries{1, 1024, true}})));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  ASSERT_TRUE(hub.send(encode(Request{3, Append{{accepted("the last")}}})));
  ASSERT_TRUE(hub.receive());
  std::size_t kept = 0, bytes = 0;
  for (std::uint64_t i = 0; i < kAsked; ++i) {
    const auto reply = reader.receive();
    ASSERT_TRUE(reply);
    const auto& entries = std::get<EntriesReply>(reply->answer).entries;
    ASSERT_GE(entries.size(), 100U);
    if (entries.size() > 100) continue;
    ++kept;
    bytes += encode(*reply).size();
  }
  EXPECT_GT(bytes, std::size_t{1} << 20);
  EXPECT_LT(bytes, std::size_t{5} << 19) << kept << " answers; the socket itself holds some";
}

TEST_F(ServerTest, an_answer_has_a_megabyte_at_most) {
  start();
  const RawClient hub = hub_that_appended(400);
  ASSERT_TRUE(hub.send(encode(Request{3, GetEntries{0, 1024, true}})));
  const auto reply = hub.receive();
  ASSERT_TRUE(reply);
  EXPECT_LT(encode(*reply).size(), std::size_t{1} << 20);
  EXPECT_GT(encode(*reply).size(), std::size_t{9} << 16);
}

TEST_F(ServerTest, who_takes_nothing_of_its_answers_is_let_go_and_who_takes_little_is_not) {
  options_.read_within = std::chrono::milliseconds(1000);
  start();
  const RawClient hub = hub_that_appended(200);
  const std::string ask = encode(Request{2, GetEntries{0, 1024, true}});
  const RawClient silent = greeted(Role::administrator);
  const RawClient slow = greeted(Role::reader);
  constexpr int kAsked = 6;
  for (int i = 0; i < kAsked; ++i) {
    ASSERT_TRUE(hub.send(ask));
    ASSERT_TRUE(silent.send(ask));
    ASSERT_TRUE(slow.send(ask));
  }
  for (int i = 0; i < kAsked; ++i) {  // 1.5 seconds in all
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
    ASSERT_TRUE(slow.receive()) << "it is slow, but it reads";
  }
  int answered = 0;
  while (answered < kAsked && silent.receive()) ++answered;
  EXPECT_LT(answered, kAsked) << "what it does not read would be kept for ever";
  for (int i = 0; i < kAsked; ++i) EXPECT_TRUE(hub.receive()) << "the hub's connection is not ended by it";
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  EXPECT_TRUE(slow.send(ask));
  EXPECT_TRUE(slow.receive()) << "nothing was owed to it meanwhile";
}

TEST_F(ServerTest, more_connections_than_allowed_are_turned_away) {
  options_.connections = 3;
  start();
  std::vector<RawClient> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(greeted(Role::reader));
  const RawClient one_more(options_.socket);
  EXPECT_TRUE(one_more.ended());
  clients.pop_back();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const RawClient fits = greeted(Role::reader);
}

TEST_F(ServerTest, the_hub_cannot_take_the_places_of_the_administrator) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be another user for a moment";
  constexpr uid_t kHub = 65534;
  options_.hub_uid = kHub;
  options_.connections = 4;
  options_.kept_for_administrator = 1;
  start();
  std::filesystem::permissions(folder_, std::filesystem::perms(0711));
  ASSERT_EQ(::chown(options_.socket.c_str(), kHub, static_cast<gid_t>(-1)), 0);
  std::vector<RawClient> clients;
  constexpr auto kAsBefore = static_cast<uid_t>(-1);
  ASSERT_EQ(::syscall(SYS_setresuid, kAsBefore, kHub, kAsBefore), 0);  // this thread alone, unlike seteuid()
  for (int i = 0; i < 5; ++i) clients.emplace_back(options_.socket);
  ASSERT_EQ(::syscall(SYS_setresuid, kAsBefore, 0, kAsBefore), 0);
  for (std::size_t i = 0; i < clients.size(); ++i) {
    (void)clients[i].send(encode(Request{1, Hello{Role::reader}}));
    EXPECT_EQ(clients[i].ended(), i >= 3) << i;
  }
  const RawClient administrator = greeted(Role::administrator);
}

}  // namespace
}  // namespace chancery::service
