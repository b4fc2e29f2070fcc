#include "ledger/service/frame.h"

#include "tests/unit/ledger/service/fixture.h"

namespace chancery::service {
namespace {

std::span<const std::uint8_t> body_of(const std::string& frame) {
  return std::span(reinterpret_cast<const std::uint8_t*>(frame.data()), frame.size()).subspan(kPrefixBytes);
}

std::vector<std::string> requests() {
  entry::EventId id{};
  id.fill(9);
  std::vector<std::string> all;
  for (const Question& question : std::initializer_list<Question>{
           Hello{Role::administrator}, Append{{accepted("x"), admin_action()}}, GetHead{},
           GetEntries{7, 8, true}, Find{id}, GetInclusion{1, 2}, GetConsistency{3, 4}, GetCheckpoint{},
           GetCheckpoints{5, 6, 7}, GetHashes{8, 9}, GetKeys{}, AddKey{id, note::KeyType::ml_dsa_44, "why"},
           RetireKey{id, 8, "why"}, RevokeKey{id, 9, 10, ""}, GetHolds{}, Erase{"1,3-4", "request", "case 7"},
           HoldChange{false, "1", "order", "dpo", "done"}}) {
    all.push_back(encode(Request{0x0102030405060708, question}));
  }
  return all;
}

std::vector<std::string> replies() {
  std::vector<std::string> all;
  for (const Answer& answer : std::initializer_list<Answer>{
           Refusal{"no"}, Appended{Outcome::refused, {}, {}, "busy", true},
           Appended{Outcome::durable, {1, 2}, {3, 4}, "", false},
           Head{9, {}, "origin", false, "damaged", "full soon"},
           EntriesReply{{{"text", {{"name", {{}, "value"}}}}, {"other", {}}}}, FoundReply{{}}, FoundReply{5},
           ProofReply{{merkle::Hash{}, merkle::Hash{}}}, CheckpointReply{{}}, CheckpointReply{"note"},
           CheckpointsReply{}, CheckpointsReply{{{1, 2, "one"}, {1, 3, "two"}}}, HashesReply{},
           HashesReply{{merkle::Hash{}, merkle::Hash{1}}}, KeysReply{},
           KeysReply{{{0, "vkey", {}}, {7, "vkey", 9}}},
           KeyChanged{Outcome::durable, 7, "vkey", "words", false}, HoldsReply{},
           HoldsReply{{{"1,3-4", "order"}, {"5", "inquiry"}}}}) {
    all.push_back(encode(Reply{42, answer}));
  }
  return all;
}

TEST(Frame, every_request_and_reply_comes_back_as_it_went) {
  for (const std::string& frame : requests()) {
    const auto parsed = parse_request(body_of(frame));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(encode(*parsed), frame);
  }
  for (const std::string& frame : replies()) {
    const auto parsed = parse_reply(body_of(frame));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(encode(*parsed), frame);
  }
}

TEST(Frame, entries_are_encoded_one_by_one_and_visited_as_they_are_parsed) {
  const opening::FieldOpening name{"name", {{7}, "value"}}, size{"size", {{8}, ""}};
  const std::string frame = encode_entries(42, [&](const AddEntry& add) {
    add("text", std::vector{name, size});
    add("other", {});
  });
  const EntriesReply same{{{"text", {{"name", name.opening}, {"size", size.opening}}}, {"other", {}}}};
  EXPECT_EQ(frame, encode(Reply{42, same}));
  const auto head = parse_head(body_of(frame));
  ASSERT_TRUE(head);
  EXPECT_EQ(head->id, 42U);
  EXPECT_TRUE(head->entries);

  using Details = std::vector<std::pair<std::string_view, std::string_view>>;
  std::vector<std::pair<std::string, Details>> visited;
  EXPECT_TRUE(visit_entries(body_of(frame), [&](const EntryView& one) {
    visited.emplace_back(std::string(one.text), one.details);
  }));
  ASSERT_EQ(visited.size(), 2U);
  EXPECT_EQ(visited[0], std::pair(std::string("text"), Details({{"name", "value"}, {"size", ""}})));
  EXPECT_EQ(visited[1], std::pair(std::string("other"), Details()));
  const auto ignore = [](const EntryView&) {};
  for (std::size_t length = 0; length < body_of(frame).size(); ++length)
    EXPECT_FALSE(visit_entries(body_of(frame).first(length), ignore)) << length;
  EXPECT_FALSE(visit_entries(body_of(frame + "x"), ignore));
  EXPECT_FALSE(visit_entries(body_of(encode(Reply{42, FoundReply{5}})), ignore));
  EXPECT_FALSE(parse_head(body_of(encode(Reply{42, FoundReply{5}})))->entries);
}

TEST(Frame, cut_short_or_made_longer_is_malformed) {
  for (const std::string& frame : requests()) {
    const auto body = body_of(frame);
    for (std::size_t length = 0; length < body.size(); ++length)
      EXPECT_FALSE(parse_request(body.first(length)));
    EXPECT_FALSE(parse_request(body_of(frame + '\0')));
  }
  for (const std::string& frame : replies()) {
    const auto body = body_of(frame);
    for (std::size_t length = 0; length < body.size(); ++length)
      EXPECT_FALSE(parse_reply(body.first(length)));
    EXPECT_FALSE(parse_reply(body_of(frame + '\0')));
  }
}

TEST(Frame, a_changed_byte_gives_another_value_or_none) {
  for (const std::string& frame : requests()) {
    for (std::size_t at = kPrefixBytes; at < frame.size(); ++at) {
      for (const int bit : {0x01, 0x80}) {
        std::string changed = frame;
        changed[at] = static_cast<char>(changed[at] ^ bit);
        const auto parsed = parse_request(body_of(changed));
        EXPECT_TRUE(!parsed || encode(*parsed) == changed) << "byte " << at;
      }
    }
  }
}

TEST(Frame, lengths_are_bounded) {
  using Prefix = std::array<std::uint8_t, kPrefixBytes>;
  EXPECT_EQ(frame_length(Prefix{0, 0, 0, 9}), 9U);
  EXPECT_EQ(frame_length(Prefix{1, 0, 0, 0}), kMaxFrame);
  EXPECT_EQ(frame_length(Prefix{1, 0, 0, 1}), std::nullopt);
  EXPECT_EQ(frame_length(Prefix{0, 0, 0, 0}), std::nullopt);
  std::vector<entry::Event> batch(17, accepted("x"));
  for (entry::Event& event : batch) event.committed["name"] = std::string(1U << 20, 'x');
  EXPECT_THROW((void)encode(Request{1, Append{batch}}), std::length_error);
}

}  // namespace
}  // namespace chancery::service
