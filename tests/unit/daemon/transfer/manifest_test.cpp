#include "daemon/transfer/manifest.h"

#include <chrono>
#include <thread>

#include <botan/hash.h>
#include <botan/hex.h>
#include <gtest/gtest.h>

#include "stage.h"

namespace chancery::transfer {
namespace {

constexpr entry::Micros kMinute = 60'000'000;

std::string sha256(const std::string& bytes) {
  const auto hash = Botan::HashFunction::create_or_throw("SHA-256");
  hash->update(bytes);
  return Botan::hex_encode(hash->final_stdvec(), false);
}

// A route with finish = "manifest".
class ManifestTest : public testing::Test {
 protected:
  ManifestTest() {
    auto changed = std::make_shared<route::Policy>(*stage.policy);
    changed->hash = std::string(64, 'b');
    changed->routes["flow"].finish = route::Finish::manifest;
    stage.policy = changed;
    stage.exchange->activate(changed);
  }
  std::optional<Problem> put(const std::string& name, const std::string& content) {
    return stage.put(name, content);
  }
  std::optional<Problem> rename(const std::string& from, const std::string& to) {
    return Stage::wait(
        [&](Done done) { stage.exchange->rename(stage.sender, "flow", from, to, std::move(done)); });
  }
  std::size_t delivered() const { return stage.exchange->projection().waiting("beta", "flow").size(); }
  std::string code(const std::string& event) const {
    const auto last = stage.ledger.last(event);
    return last ? last->plain.at("code") : "(no entry)";
  }

  Stage stage;
  const std::string line = sha256("rows") + "  oct.csv\n";
};

TEST_F(ManifestTest, FinishesTheFileThatItIsOf) {
  ASSERT_FALSE(put("oct.csv", "rows"));
  EXPECT_EQ(delivered(), 0U);
  EXPECT_EQ(stage.exchange->find_in_progress(stage.sender, "flow", "oct.csv")->size, 4U);
  ASSERT_FALSE(put("oct.csv.sha256", line));
  EXPECT_EQ(delivered(), 1U);
  EXPECT_EQ(stage.ledger.last("file.accepted")->committed.at("name"), "oct.csv");
  EXPECT_EQ(stage.ledger.count("file.accepted"), 1U) << "the manifest is no transfer";
  EXPECT_EQ(stage.ledger.count("file.abandoned") + stage.ledger.count("file.refused"), 0U);
  EXPECT_EQ(stage.object_files().size(), 2U);
  EXPECT_EQ(stage.exchange->find_in_progress(stage.sender, "flow", "oct.csv.sha256")->size, line.size())
      << "clients look for what they have just put";
  stage.ledger.now += 25 * 60 * kMinute;
  EXPECT_FALSE(stage.exchange->find_in_progress(stage.sender, "flow", "oct.csv.sha256"));
}

TEST_F(ManifestTest, ThatDoesNotMatchRefusesTheFile) {
  ASSERT_FALSE(put("oct.csv", "row"));
  const auto problem = put("oct.csv.sha256", line);
  ASSERT_TRUE(problem);
  EXPECT_NE(problem->sentence.find(sha256("row")), std::string::npos) << problem->sentence;
  EXPECT_EQ(code("file.refused"), "manifest-mismatch");
  EXPECT_EQ(stage.ledger.last("file.refused")->committed.at("name"), "oct.csv");
  EXPECT_EQ(delivered(), 0U);
  EXPECT_TRUE(stage.object_files().empty());
  ASSERT_FALSE(put("oct.csv", "rows"));
  EXPECT_FALSE(put("oct.csv.sha256", line));
  EXPECT_EQ(delivered(), 1U);
}

TEST_F(ManifestTest, ThatComesFirstIsRefused) {
  const auto problem = put("oct.csv.sha256", line);
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->sentence,
            "There is no file oct.csv here that waits for its manifest. Upload oct.csv first, and then "
            "oct.csv.sha256.");
  EXPECT_EQ(code("file.refused"), "manifest-early");
  auto open = std::get<std::shared_ptr<Upload>>(stage.begin("oct.csv"));
  ASSERT_FALSE(Stage::write(open, 0, "rows"));
  EXPECT_TRUE(put("oct.csv.sha256", line)) << "its file is still open";
  ASSERT_FALSE(Stage::wait([&](Done done) { stage.exchange->close(open, std::move(done)); }));
  EXPECT_FALSE(put("oct.csv.sha256", line));
  EXPECT_EQ(delivered(), 1U);
}

TEST_F(ManifestTest, ThatIsNoneIsRefusedAndTheFileWaitsOn) {
  ASSERT_FALSE(put("oct.csv", "rows"));
  for (const std::string& text :
       {std::string(), std::string("hello"), sha256("rows"), line + line, sha256("rows") + "  nov.csv\n",
        std::string(4097, 'a'), std::string(50'000, ' ')}) {
    EXPECT_TRUE(put("oct.csv.sha256", text)) << text.substr(0, 80);
    EXPECT_EQ(delivered(), 0U);
  }
  stage.ledger.now += 2 * kMinute;
  EXPECT_EQ(code("file.refused"), "manifest-invalid");
  EXPECT_FALSE(put("oct.csv.sha256", line));
  EXPECT_EQ(delivered(), 1U);
}

TEST_F(ManifestTest, AndItsFileMayBothComeUnderTemporaryNames) {
  ASSERT_FALSE(put("oct.csv.part", "rows"));
  ASSERT_FALSE(put("oct.csv.sha256.part", line));
  EXPECT_TRUE(rename("oct.csv.sha256.part", "oct.csv.sha256")) << "the file has not its name yet";
  ASSERT_FALSE(rename("oct.csv.part", "oct.csv"));
  EXPECT_EQ(delivered(), 0U);
  EXPECT_EQ(stage.exchange->find_in_progress(stage.sender, "flow", "oct.csv")->size, 4U);
  EXPECT_FALSE(stage.exchange->find_in_progress(stage.sender, "flow", "oct.csv.part"));
  ASSERT_FALSE(rename("oct.csv.sha256.part", "oct.csv.sha256"));
  EXPECT_EQ(delivered(), 1U);
  EXPECT_EQ(stage.ledger.count("file.abandoned"), 0U);
  EXPECT_EQ(stage.object_files().size(), 2U) << "nothing is left of the manifest's";
}

TEST_F(ManifestTest, ThatDoesNotComeIsSaidAfterAnHour) {
  ASSERT_FALSE(put("oct.csv", "rows"));
  stage.ledger.now += 61 * kMinute;
  ASSERT_TRUE(stage.ledger.wait_for("file.abandoned"));
  EXPECT_EQ(code("file.abandoned"), "expired");
  EXPECT_NE(stage.ledger.last("file.abandoned")->committed.at("reason").find("oct.csv.sha256"),
            std::string::npos);
}

TEST_F(ManifestTest, OfAnotherAccountFinishesNothing) {
  ASSERT_FALSE(put("oct.csv", "rows"));
  const Caller other{"alpha-second", "alpha", "SHA256:c", "127.0.0.1"};
  EXPECT_TRUE(std::holds_alternative<Problem>(stage.exchange->begin(other, "flow", "oct.csv.sha256")));
}

TEST_F(ManifestTest, OfAFileThatWasCutOffAndGoneOnWithMatchesTheWhole) {
  auto upload = std::get<std::shared_ptr<Upload>>(stage.begin("oct.csv"));
  ASSERT_FALSE(Stage::write(upload, 0, "ro"));
  stage.exchange->drop(upload);
  EXPECT_TRUE(put("oct.csv.sha256", line)) << "it is not whole";
  upload = stage.exchange->resume(stage.sender, upload, 2);
  ASSERT_FALSE(Stage::write(upload, 2, "ws"));
  ASSERT_FALSE(Stage::wait([&](Done done) { stage.exchange->close(upload, std::move(done)); }));
  EXPECT_FALSE(put("oct.csv.sha256", line));
  EXPECT_EQ(delivered(), 1U);
}

TEST(ManifestText, IsWhatSha256sumPrints) {
  const std::string hex = sha256("rows");
  std::string upper = hex;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  for (const std::string& good :
       {hex + "  a b.csv\n", hex + "  a b.csv", hex + " *a b.csv\r\n", upper + "  a b.csv\n"})
    EXPECT_EQ(read_manifest(good, "a b.csv").sha256, hex) << good;
  for (const std::string& bad :
       {hex + " a b.csv\n", hex + "\ta b.csv\n", hex.substr(1) + "  a b.csv\n", hex + "  a b.csv\n\n",
        hex + "  a b.csv \n", hex + "  ./a b.csv\n", "\\" + hex + "  a b.csv\n", hex + "  ",
        "\xEF\xBB\xBF" + hex + "  a b.csv\n", hex + "  a b.csv\n" + hex + "  c.csv\n"}) {
    const Manifest manifest = read_manifest(bad, "a b.csv");
    EXPECT_TRUE(manifest.sha256.empty()) << bad;
    EXPECT_TRUE(manifest.mistake.ends_with(".")) << bad;
  }
}

}  // namespace
}  // namespace chancery::transfer
