#include "ledger/note/note.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace chancery::note {
namespace {

// The example of C2SP signed-note.
constexpr std::string_view kExampleKey =
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
constexpr std::string_view kExample =
    "This is an example message.\n\n"
    "\xE2\x80\x94 example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuw"
    "HjG1Yu72IneyaQM=\n";

Note must_parse(std::string_view bytes) {
  const auto result = parse_note(bytes);
  EXPECT_TRUE(std::holds_alternative<Note>(result)) << bytes;
  return std::get<Note>(result);
}

SigningKey test_key(const std::string& name = "example.org/hub") {
  return SigningKey::from_seed(name, std::vector<std::uint8_t>(32, 7));
}

TEST(SignedNote, ExampleOfTheSpecificationVerifies) {
  const auto key = VerifierKey::parse(kExampleKey);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->text(), kExampleKey);
  EXPECT_EQ(key->name(), "example.com/foo");
  EXPECT_EQ(key->id(), 0x530d903aU);
  const Note note = must_parse(kExample);
  EXPECT_EQ(note.text, "This is an example message.\n");
  EXPECT_EQ(note.encode(), kExample);
  EXPECT_EQ(verify_note(note, std::vector{*key}), Signed::valid);
}

TEST(SignedNote, EveryChangedByteOfTheExampleIsNoticed) {
  const std::vector keys{*VerifierKey::parse(kExampleKey)};
  for (std::size_t at = 0; at < kExample.size(); ++at) {
    for (const int flip : {1, 2, 0x20, 0x80}) {
      std::string changed(kExample);
      changed[at] = static_cast<char>(changed[at] ^ flip);
      const auto result = parse_note(changed);
      if (const auto* note = std::get_if<Note>(&result)) {
        EXPECT_NE(verify_note(*note, keys), Signed::valid) << changed;
        EXPECT_EQ(note->encode(), changed);
      }
    }
  }
}

TEST(SignedNote, TextMayHaveEmptyLinesAndIsSplitAtTheLast) {
  const SigningKey key = test_key();
  const std::vector<const SigningKey*> keys{&key};
  const std::string bytes = sign_note("a\n\nb\n\n", keys).encode();
  const Note note = must_parse(bytes);
  EXPECT_EQ(note.text, "a\n\nb\n\n");
  EXPECT_EQ(verify_note(note, std::vector{key.verifier()}), Signed::valid);
}

TEST(SignedNote, MalformedNotesAreRejected) {
  const std::string line = std::string(kExample).substr(kExample.find("\xE2\x80\x94"));
  const std::string sixty_five = [&] {
    std::string all = "t\n\n";
    for (int i = 0; i < 65; ++i) {
      all += line;
    }
    return all;
  }();
  for (const std::string& bad : std::vector<std::string>{std::string(),
                                                         std::string("text\n"),
                                                         std::string("text\n\n"),
                                                         "text\n" + line,
                                                         "te\rxt\n\n" + line,
                                                         "te\txt\n\n" + line,
                                                         std::string("te\0xt\n\n", 7) + line,
                                                         "te\xFFxt\n\n" + line,
                                                         "te\xC0\x80xt\n\n" + line,
                                                         "te\xED\xA0\x80xt\n\n" + line,
                                                         "text\n\n" + line.substr(0, line.size() - 1),
                                                         "text\n\n" + line + "x\n",
                                                         "text\n\n- example.com/foo Uw2QOkn8\n",
                                                         std::string("text\n\n\xE2\x80\x94 a+b Uw2QOkn8\n"),
                                                         std::string("text\n\n\xE2\x80\x94 a\xC2\xA0"
                                                                     "b Uw2QOkn8\n"),
                                                         std::string("text\n\n\xE2\x80\x94  Uw2QOkn8\n"),
                                                         std::string("text\n\n\xE2\x80\x94 a Uw2QOg==\n"),
                                                         std::string("text\n\n\xE2\x80\x94 a Uw2QOkn=\n"),
                                                         std::string("text\n\n\xE2\x80\x94 a Uw2QOkn8 \n"),
                                                         std::string((1 << 20) + 1, 'x'),
                                                         sixty_five}) {
    EXPECT_TRUE(std::holds_alternative<NoteError>(parse_note(bad))) << bad.substr(0, 80);
  }
}

TEST(SignedNote, OtherSignersAreIgnoredAndDoNotCount) {
  const SigningKey ours = test_key();
  const SigningKey other = SigningKey::generate("example.org/witness");
  const std::vector<const SigningKey*> both{&other, &ours};
  const std::vector<const SigningKey*> one{&other};
  const std::vector trusted{ours.verifier()};
  EXPECT_EQ(verify_note(sign_note("t\n", both), trusted), Signed::valid);
  EXPECT_EQ(verify_note(sign_note("t\n", one), trusted), Signed::unknown_key);
  EXPECT_EQ(verify_note(sign_note("t\n", both), {}), Signed::unknown_key);
}

TEST(SignedNote, OneFalseSignatureOfATrustedKeyRejectsTheNote) {
  const SigningKey a = test_key("example.org/a");
  const SigningKey b = test_key("example.org/b");
  const std::vector<const SigningKey*> both{&a, &b};
  Note note = sign_note("t\n", both);
  note.signatures[1].signature[0] ^= 1;
  EXPECT_EQ(verify_note(note, std::vector{a.verifier(), b.verifier()}), Signed::bad_signature);
  EXPECT_EQ(verify_note(note, std::vector{a.verifier()}), Signed::valid);
}

TEST(SignedNote, SameIdUnderAnotherNameIsAnotherKey) {
  const SigningKey key = test_key();
  const std::vector<const SigningKey*> keys{&key};
  Note note = sign_note("t\n", keys);
  note.signatures[0].name = "example.org/other";
  EXPECT_EQ(verify_note(note, std::vector{key.verifier()}), Signed::unknown_key);
}

TEST(VerifierKey, MalformedOrMismatchedKeysAreRejected) {
  const std::string good(kExampleKey);
  for (const std::string& bad : std::vector<std::string>{
           std::string(), good.substr(1), "x" + good, good + "A", good.substr(0, good.size() - 1),
           std::string("example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"),
           std::string("example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"),
           std::string("example.com/foo+530d903a+BukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"),
           std::string("example.com/foo+530d903a"),
           std::string("+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"),
           std::string("example.com/f o+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")}) {
    EXPECT_FALSE(VerifierKey::parse(bad)) << bad;
  }
}

TEST(SigningKey, ComesBackWholeFromItsSeed) {
  const SigningKey key = SigningKey::generate("example.org/hub");
  const SigningKey again = SigningKey::from_seed("example.org/hub", key.seed());
  EXPECT_EQ(again.verifier().text(), key.verifier().text());
  EXPECT_TRUE(key.verifier().verify("message", again.sign("message")));
  EXPECT_THROW(SigningKey::from_seed("example.org/hub", std::vector<std::uint8_t>(31)),
               std::invalid_argument);
  EXPECT_THROW(SigningKey::generate("a name"), std::invalid_argument);
}

TEST(Checkpoint, BodyIsReadBackAndNothingElseIsAccepted) {
  const Checkpoint checkpoint{"example.org/hub", 109'482, merkle::empty_root()};
  const std::string body = checkpoint.body();
  const auto read = parse_checkpoint(body);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->body(), body);
  const std::string root = merkle::to_base64(merkle::empty_root());
  for (const std::string& bad : std::vector<std::string>{
           std::string(), std::string("\n"), body + "extension\n", body + "\n",
           body.substr(0, body.size() - 1), "\n1\n" + root + "\n", "o\n01\n" + root + "\n",
           "o\n-1\n" + root + "\n", "o\n\n" + root + "\n", "o\n9223372036854775808\n" + root + "\n",
           std::string("o\n1\n\n"), "o\n1\n" + root.substr(1) + "\n", std::string("o\n1\n"),
           std::string("o\n")}) {
    EXPECT_FALSE(parse_checkpoint(bad)) << bad;
  }
}

}  // namespace
}  // namespace chancery::note
