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
  return SigningKey::from_seed(KeyType::ed25519, name, std::vector<std::uint8_t>(32, 7));
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
  const std::string bytes = sign_note("a\n\nb\n\n", keys, 0).encode();
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
  const SigningKey other = SigningKey::generate(KeyType::ed25519, "example.org/witness");
  const std::vector<const SigningKey*> both{&other, &ours};
  const std::vector<const SigningKey*> one{&other};
  const std::vector trusted{ours.verifier()};
  EXPECT_EQ(verify_note(sign_note("t\n", both, 0), trusted), Signed::valid);
  EXPECT_EQ(verify_note(sign_note("t\n", one, 0), trusted), Signed::unknown_key);
  EXPECT_EQ(verify_note(sign_note("t\n", both, 0), {}), Signed::unknown_key);
}

TEST(SignedNote, OneFalseSignatureOfATrustedKeyRejectsTheNote) {
  const SigningKey a = test_key("example.org/a");
  const SigningKey b = test_key("example.org/b");
  const std::vector<const SigningKey*> both{&a, &b};
  Note note = sign_note("t\n", both, 0);
  note.signatures[1].signature[0] ^= 1;
  EXPECT_EQ(verify_note(note, std::vector{a.verifier(), b.verifier()}), Signed::bad_signature);
  EXPECT_EQ(verify_note(note, std::vector{a.verifier()}), Signed::valid);
}

TEST(SignedNote, SameIdUnderAnotherNameIsAnotherKey) {
  const SigningKey key = test_key();
  const std::vector<const SigningKey*> keys{&key};
  Note note = sign_note("t\n", keys, 0);
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
  const SigningKey key = SigningKey::generate(KeyType::ed25519, "example.org/hub");
  const SigningKey again = SigningKey::from_seed(KeyType::ed25519, "example.org/hub", key.seed());
  EXPECT_EQ(again.verifier().text(), key.verifier().text());
  EXPECT_TRUE(key.verifier().verify("message", again.sign("message", 0)));
  EXPECT_THROW(SigningKey::from_seed(KeyType::ed25519, "example.org/hub", std::vector<std::uint8_t>(31)),
               std::invalid_argument);
  EXPECT_THROW(SigningKey::generate(KeyType::ed25519, "a name"), std::invalid_argument);
}

// C2SP tlog-cosignature: what an ML-DSA-44 line commits to.
struct Cosigned {
  SigningKey ed25519 = test_key();
  SigningKey ml_dsa =
      SigningKey::from_seed(KeyType::ml_dsa_44, "example.org/hub", std::vector<std::uint8_t>(32, 9));
  Checkpoint checkpoint{"example.org/hub", 70'000, merkle::empty_root()};
  std::vector<VerifierKey> keys{ed25519.verifier(), ml_dsa.verifier()};

  Note note() const {
    const std::vector<const SigningKey*> both{&ed25519, &ml_dsa};
    return sign_note(checkpoint.body(), both, 1'793'611'800);
  }
};

TEST(Cosignature, IsThatOfTheStructureInTheSpecification) {
  const Cosigned log;
  const Note note = must_parse(log.note().encode());
  EXPECT_EQ(verify_note(note, log.keys), Signed::valid);
  ASSERT_EQ(note.signatures[1].signature.size(), 8U + 2420U);
  // 1793611800 in eight bytes.
  const std::vector<std::uint8_t> time{0x0, 0x0, 0x0, 0x0, 0x6a, 0xe8, 0x58, 0x18};
  EXPECT_TRUE(std::equal(time.begin(), time.end(), note.signatures[1].signature.begin()));
  EXPECT_EQ(VerifierKey::parse(log.ml_dsa.verifier().text()), log.ml_dsa.verifier());
}

TEST(Cosignature, AnyOtherTimeSizeRootOriginOrNameIsAnother) {
  const Cosigned log;
  const auto signature = log.note().signatures[1].signature;
  const VerifierKey& key = log.ml_dsa.verifier();
  ASSERT_TRUE(key.verify(log.checkpoint.body(), signature));
  auto later = signature;
  later[7] ^= 1;
  EXPECT_FALSE(key.verify(log.checkpoint.body(), later));
  Checkpoint other = log.checkpoint;
  other.size += 1;
  EXPECT_FALSE(key.verify(other.body(), signature));
  other = log.checkpoint;
  other.root[31] ^= 1;
  EXPECT_FALSE(key.verify(other.body(), signature));
  other = log.checkpoint;
  other.origin = "example.org/hut";
  EXPECT_FALSE(key.verify(other.body(), signature));
  const SigningKey renamed =
      SigningKey::from_seed(KeyType::ml_dsa_44, "example.org/hut", std::vector<std::uint8_t>(32, 9));
  EXPECT_FALSE(renamed.verifier().verify(log.checkpoint.body(), signature));
  EXPECT_FALSE(key.verify("no checkpoint\n", signature));
  EXPECT_FALSE(key.verify(log.checkpoint.body(), std::span(signature).first(8)));
  EXPECT_FALSE(key.verify(log.checkpoint.body(), std::span(signature).first(2427)));
  auto far = signature;
  far[0] = 0x80;  // a time of 2^63 and more is none
  EXPECT_FALSE(key.verify(log.checkpoint.body(), far));
  EXPECT_THROW((void)log.ml_dsa.sign("no checkpoint\n", 0), std::invalid_argument);
}

TEST(Cosignature, ANoteNeedsOneSignatureOfEachKindOfKeyThatIsAsked) {
  const Cosigned log;
  const std::vector<const SigningKey*> ed25519{&log.ed25519};
  const std::vector<const SigningKey*> ml_dsa{&log.ml_dsa};
  EXPECT_EQ(verify_note(sign_note(log.checkpoint.body(), ed25519, 0), log.keys), Signed::unknown_key);
  EXPECT_EQ(verify_note(sign_note(log.checkpoint.body(), ml_dsa, 0), log.keys), Signed::unknown_key);
  Note note = log.note();
  note.signatures[1].signature[100] ^= 1;
  EXPECT_EQ(verify_note(note, log.keys), Signed::bad_signature);
  EXPECT_EQ(verify_note(note, std::vector{log.ed25519.verifier()}), Signed::valid);
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
