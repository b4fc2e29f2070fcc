#include <fstream>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "ledger/note/log_policy.h"
#include "tests/unit/client/cli/command_test.h"
#include "tests/unit/ledger/receipt/receipts_in_memory.h"

// `chancery receipt verify` over files, as a party to a transfer would run it years later.
namespace chancery::cli {
namespace {

using receipt::kAccepted;
using receipt::kMade;
using receipt::ReceiptsInMemory;

class ReceiptVerify : public CommandTest {
 protected:
  ReceiptsInMemory log_ = receipt::sample_receipts();

  void SetUp() override {
    write("policy", note::format_log_policy(log_.keys(), true));
    write("sent.receipt", log_.prove(kAccepted).encode());
    write("sent.openings", openings(kAccepted, entry::kSender | entry::kOwnAgency));
    write("made.receipt", log_.prove(kMade).encode());
    write("made.openings", openings(kMade, entry::kRecipient | entry::kOwnAgency));
    write("oct.csv", "rows");
  }

  std::string openings(std::uint64_t seq, unsigned parties) const {
    return receipt::format_openings(seq, log_.events[seq].name, log_.openings[seq], parties);
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  // The exit status of `receipt verify` with these words, in which @NAME is a file.
  int verify(const std::vector<std::string>& words) {
    std::vector<std::string> all{"receipt", "verify"};
    for (const std::string& word : words) all.push_back(word.starts_with('@') ? path(word.substr(1)) : word);
    return run_words(all);
  }
};

TEST_F(ReceiptVerify, TellsTheSenderWhatWasSentAndThatThisIsTheFile) {
  EXPECT_EQ(verify({"--policy", "@policy", "--openings", "@sent.openings", "--content", "@oct.csv",
                    "@sent.receipt"}),
            kOk)
      << output_;
  EXPECT_TRUE(prints("Verified: entry 1 of the ledger example.org/hub")) << output_;
  EXPECT_TRUE(prints("acute sent oct.csv through flow: accepted, 4 bytes")) << output_;
  EXPECT_TRUE(prints("acute-upload")) << output_;
  EXPECT_TRUE(prints("is the file of this entry: SHA-256 and size match")) << output_;

  EXPECT_EQ(verify({"--policy", "@policy", "@sent.receipt"}), kOk);
  EXPECT_TRUE(prints("(withheld)")) << output_;
  EXPECT_FALSE(prints("oct.csv")) << output_;
}

TEST_F(ReceiptVerify, TheQuorumOfThePolicyMustHaveSigned) {
  const auto stranger = note::SigningKey::from_seed(note::KeyType::ml_dsa_44, log_.keys()[0].name(),
                                                    std::vector<std::uint8_t>(32, 77));
  const std::string both = "log " + log_.keys()[0].text() + "\nwitness own " + log_.keys()[1].text() +
                           "\nwitness other " + stranger.verifier().text() + "\n";
  write("either", both + "group g any own other\nquorum g\n");
  EXPECT_EQ(verify({"--policy", "@either", "@sent.receipt"}), kOk) << output_;
  for (const char* rule : {"group g all own other\nquorum g\n", "quorum other\n"}) {
    write("strict", both + rule);
    EXPECT_EQ(verify({"--policy", "@strict", "@sent.receipt"}), kRefused) << output_;
    EXPECT_TRUE(prints("not signed by the policy's quorum")) << output_;
    EXPECT_TRUE(prints("changed its keys")) << output_;
  }
}

TEST_F(ReceiptVerify, TellsTheRecipientAboutThePlainFileAndTheSealedOne) {
  EXPECT_EQ(verify({"--policy", "@policy", "--openings", "@made.openings", "--content", "@oct.csv",
                    "@made.receipt", "--json"}),
            kOk)
      << output_;
  const auto said = boost::json::parse(output_).as_object();
  EXPECT_TRUE(said.at("verified").as_bool());
  EXPECT_TRUE(said.at("ml_dsa_checked").as_bool());
  EXPECT_EQ(said.at("content").as_string(), "file");
  EXPECT_EQ(said.at("event").as_string(), "delivery.made");
  EXPECT_EQ(said.at("details").at("name").as_string(), "oct.csv");

  log_.append("delivery.made", {{"sealed-sha256", receipt::kRowsSha256}, {"sealed-size", "4"}}, {});
  write("sealed.receipt", log_.prove(log_.texts.size() - 1).encode());
  EXPECT_EQ(verify({"--policy", "@policy", "--content", "@oct.csv", "@sealed.receipt"}), kOk) << output_;
  EXPECT_TRUE(prints("is the sealed file")) << output_;
}

TEST_F(ReceiptVerify, AnotherFileIsAFindingAndWhatCannotBeComparedIsNoPass) {
  write("other.csv", "rowS");
  const std::vector<std::string> sent{"--policy", "@policy", "@sent.receipt", "--content"};
  const auto with = [](std::vector<std::string> words, const std::vector<std::string>& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  EXPECT_EQ(verify(with(sent, {"@other.csv", "--openings", "@sent.openings"})), kRefused);
  EXPECT_TRUE(prints("is another file")) << output_;
  EXPECT_EQ(verify(with(sent, {"@oct.csv"})), kFailed);
  EXPECT_TRUE(prints("CANNOT TELL")) << output_;
  EXPECT_EQ(verify(with(sent, {"@nosuch.csv", "--openings", "@sent.openings"})), kFailed);
  write("opened.receipt", log_.prove(kMade + 1).encode());
  EXPECT_EQ(verify({"--policy", "@policy", "@opened.receipt", "--content", "@oct.csv"}), kFailed);
  EXPECT_TRUE(prints("has no sha256")) << output_;
}

TEST_F(ReceiptVerify, AnOpenedHyphenIsAValueAndTheEmptyOneIsNone) {
  const auto answer = [&](const char* sha256, const char* size) {
    const auto seq = log_.append("file.accepted", {}, {{"sha256", sha256}, {"size", size}});
    write("said.receipt", log_.prove(seq).encode());
    write("said.openings", openings(seq, entry::kSender | entry::kOwnAgency));
    return verify(
        {"--policy", "@policy", "--openings", "@said.openings", "--content", "@oct.csv", "@said.receipt"});
  };
  EXPECT_EQ(answer(receipt::kRowsSha256, "4"), kOk) << output_;
  EXPECT_EQ(answer(receipt::kRowsSha256, ""), kOk) << output_;
  EXPECT_EQ(answer(receipt::kRowsSha256, "-"), kRefused) << output_;
  EXPECT_EQ(answer("-", "4"), kRefused) << output_;
  EXPECT_EQ(answer("", "4"), kFailed) << output_;
}

TEST_F(ReceiptVerify, NothingIsVerifiedWithoutTheLogsKey) {
  EXPECT_EQ(verify({"@sent.receipt"}), kFailed);
  EXPECT_TRUE(prints("cannot be verified without the log's key")) << output_;
  const auto other = note::SigningKey::generate(note::KeyType::ed25519, ReceiptsInMemory::kOrigin);
  EXPECT_EQ(verify({"--key", other.verifier().text(), "@sent.receipt"}), kRefused);
  EXPECT_TRUE(prints("/receipts/log-keys")) << output_;
  EXPECT_FALSE(prints("acute")) << "nothing of what does not verify is shown";
  EXPECT_EQ(verify({"--key", log_.key.verifier().text(), "@sent.receipt"}), kOk);
  EXPECT_TRUE(prints("ML-DSA-44 not checked")) << output_;
}

TEST_F(ReceiptVerify, BadInputsAreRefusedWithTheirPlace) {
  write("empty", "");
  EXPECT_EQ(verify({"--policy", "@policy", "@empty"}), kFailed);
  EXPECT_TRUE(prints("line 1")) << output_;
  EXPECT_EQ(verify({"--policy", "@policy", "@nosuch"}), kFailed);
  EXPECT_EQ(verify({"--policy", "@policy", "@oct.csv"}), kFailed);
  EXPECT_EQ(verify({"--policy", "@policy", "@."}), kFailed);
  EXPECT_EQ(verify({"--policy", "@empty", "@sent.receipt"}), kFailed);
  EXPECT_EQ(verify({"--policy", "@policy"}), kFailed);
  std::string changed = log_.prove(kAccepted).encode();
  changed[200] = changed[200] == 'A' ? 'B' : 'A';
  write("changed", changed);
  EXPECT_EQ(verify({"--policy", "@policy", "--json", "@changed"}), kRefused) << output_;
  EXPECT_FALSE(boost::json::parse(output_).at("verified").as_bool());
  EXPECT_EQ(verify({"--policy", "@policy", "--openings", "@made.openings", "@sent.receipt"}), kRefused);
  EXPECT_TRUE(prints("line 1: it is of entry 2, not of 1")) << output_;
}

}  // namespace
}  // namespace chancery::cli
