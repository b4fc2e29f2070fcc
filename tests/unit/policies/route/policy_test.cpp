#include "policies/route/policy.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "tests/unit/temporary_folder.h"

namespace chancery::route {
namespace {

namespace fs = std::filesystem;
using Texts = std::vector<std::string>;

const std::string kRecipient = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
const std::string kKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A directory with a small policy that has no mistake.
class PolicyFiles : public testing::Test {
 protected:
  PolicyFiles() {
    for (const char* folder : {"agencies", "agreements", "routes"}) {
      fs::create_directories(directory_ / folder);
    }
    write("agencies/acute.toml",
          "id = \"acute\"\nname = \"Acute\"\n[[accounts]]\nuser = \"acute-1\"\nkeys = [\"" + kKey + "\"]\n");
    write("agencies/council.toml",
          "id = \"council\"\nname = \"Council\"\nseal_to = [\"" + kRecipient + "\"]\n");
    write("agencies/police.toml", "id = \"police\"\nname = \"Police\"\n");
    write("agreements/DSA-1.toml",
          "reference = \"DSA-1\"\ntitle = \"T\"\nparties = [\"acute\", \"council\"]\npurpose = \"P\"\n");
    write("routes/births.toml",
          route("births", "from = [\"acute\"]\nto = [\"council\"]\nstate = \"live\"\n"));
  }
  ~PolicyFiles() override { fs::remove_all(directory_); }

  void write(const std::string& path, const std::string& text) const {
    std::ofstream(directory_ / path, std::ios::binary) << text;
  }
  static std::string route(const std::string& id, const std::string& rest) {
    return "id = \"" + id + "\"\nagreement = \"DSA-1\"\naccept = [\"*\"]\n" + rest;
  }
  // Mistakes, with file names relative to the directory.
  Texts mistakes() const {
    toml::Mistakes found;
    const bool loaded = load_policy(directory_, "Europe/London", found).has_value();
    EXPECT_EQ(loaded, found.empty());
    Texts all;
    for (const toml::Mistake& mistake : found) {
      all.push_back(mistake.text().substr(directory_.string().size() + 1));
    }
    return all;
  }
  Policy load() const {
    toml::Mistakes found;
    auto policy = load_policy(directory_, "Europe/London", found);
    EXPECT_TRUE(policy) << (found.empty() ? "" : found[0].text());
    return policy.value_or(Policy{});
  }

  fs::path directory_ = make_temporary_folder("policy");
};

TEST_F(PolicyFiles, AreReadWhole) {
  write("routes/births.toml",
        route("births",
              "from = [\"acute\"]\nto = [\"council\"]\nmax_size = \"5 GiB\"\nfinish = \"rename\"\n"
              "state = \"suspended\"\n"));
  write("routes/other.toml", route("other", "from = [\"acute\"]\nto = [\"council\"]\n"));
  const Policy policy = load();
  const Route& births = policy.routes.at("births");
  EXPECT_EQ(births.max_size, std::uint64_t{5} << 30U);
  EXPECT_EQ(births.finish, Finish::rename);
  EXPECT_EQ(births.state, State::suspended);
  const Route& other = policy.routes.at("other");
  EXPECT_EQ(other.max_size, std::uint64_t{100} << 30U);
  EXPECT_EQ(other.finish, Finish::close);
  EXPECT_EQ(other.state, State::draft);
  EXPECT_EQ(policy.files.size(), 6U);
  for (const auto& [path, bytes] : policy.files) EXPECT_LE(bytes.capacity(), bytes.size() + 16) << path;
  const auto login = policy.find_login("acute-1");
  ASSERT_TRUE(login);
  EXPECT_EQ(login->agency->id, "acute");
  EXPECT_EQ(login->account->user, "acute-1");
  EXPECT_FALSE(policy.find_login("acute"));
}

struct Case {
  std::string path;
  std::string text;
  Texts mistakes;
};

TEST_F(PolicyFiles, PlaceEveryMistakeBetweenThem) {
  const std::string live = "state = \"live\"\n";
  const std::vector<Case> cases{
      {"routes/r1.toml",
       route("r1", "from = [\"acut\"]\nto = [\"council\"]\n"),
       {"routes/r1.toml:4:9: there is no agency \"acut\": expected agencies/acut.toml"}},
      {"routes/r1.toml",
       route("r1", "from = [\"acute\"]\nto = [\"council\",\n  \"police\"]\n"),
       {"routes/r1.toml:6:3: \"police\" is not a party to the agreement DSA-1: expected one of its "
        "\"parties\""}},
      {"routes/r1.toml",
       "id = \"r1\"\nagreement = \"DSA-2\"\nfrom = [\"acute\"]\nto = [\"council\"]\naccept = [\"*\"]\n",
       {"routes/r1.toml:2:13: there is no agreement \"DSA-2\": expected agreements/DSA-2.toml"}},
      {"routes/r1.toml",
       route("r1", "from = [\"council\"]\nto = [\"acute\"]\n" + live),
       {"routes/r1.toml:5:7: \"acute\" has no \"seal_to\", so nothing can be sealed to it: expected an age "
        "recipient "
        "in agencies/acute.toml, since this route is live"}},
      {"routes/r1.toml",
       route("r1", "from = [\"acute\"]\nto = [\"council\", \"acute\"]\n"),
       {"routes/r1.toml:5:18: \"acute\" is also in \"from\": expected an agency that only receives"}},
      {"routes/r1.toml",
       route("r2", "from = [\"acute\"]\nto = [\"council\"]\n"),
       {"routes/r1.toml:1:6: \"id\" is \"r2\", but the file is named r1.toml: expected the same"}},
      {"routes/r1.toml",
       route("r1", "from = [\"acute\"]\nto = [\"council\"]\nfinish = \"digest\"\n"),
       {"routes/r1.toml:6:10: \"finish\" is \"digest\": expected close, rename or manifest"}},
      {"routes/r1.toml",
       route("r1", "from = [\"acute\"]\nto = [\"council\"]\nstate = \"Live\"\n"),
       {"routes/r1.toml:6:9: \"state\" is \"Live\": expected draft, shadow, pilot, live, suspended or "
        "retired"}},
      {"routes/r1.toml",
       route("r1", "from = [\"acute\"]\nto = [\"council\"]\nmax_size = \"5 GIB\"\n"),
       {"routes/r1.toml:6:12: \"max_size\" is not a size: expected bytes from 1 to 107374182400 as an "
        "integer, or a "
        "string such as \"500 MB\" or \"5 GiB\""}},
      {"routes/r1.toml",
       "id = \"r1\"\nagreement = \"DSA-1\"\nfrom = [\"acute\"]\nto = [\"council\"]\naccept = [\"*\", "
       "\"[a\"]\n",
       {"routes/r1.toml:5:16: \"[a\" is not a pattern: \"[\" has no \"]\": expected a set such as [a-z]"}},
      {"agreements/DSA-2.toml",
       "reference = \"DSA-2\"\ntitle = \"T\"\nparties = [\"acute\", \"nobody\"]\npurpose = \"P\"\n",
       {"agreements/DSA-2.toml:3:21: there is no agency \"nobody\": expected agencies/nobody.toml"}},
      {"agencies/zz.toml",
       "id = \"zz\"\nname = \"Z\"\n[[accounts]]\nuser = \"acute-1\"\nkeys = [\"" + kKey + "\"]\n",
       {"agencies/zz.toml:4:8: user \"acute-1\" is an account of acute already: expected a name that no "
        "other account "
        "has",
        "agencies/zz.toml:5:9: this SSH key is one of user \"acute-1\" of acute already: expected a key of "
        "its own"}},
  };
  for (const Case& one : cases) {
    write(one.path, one.text);
    EXPECT_EQ(mistakes(), one.mistakes) << one.text;
    fs::remove(directory_ / one.path);
  }
}

TEST_F(PolicyFiles, AllMistakesAreFoundInOneRun) {
  write("agencies/acute.toml", "id = \"acute\"\nnam = \"Acute\"\n");
  write("agreements/DSA-1.toml", "reference = \"DSA-1\n");
  write("routes/births.toml", route("births", "from = [\"acute\"]\nto = [\"counci\"]\nstate = 3\n"));
  const Texts found = mistakes();
  ASSERT_EQ(found.size(), 5U);
  EXPECT_TRUE(found[0].starts_with("agencies/acute.toml:1:1: the key \"name\" is missing"));
  EXPECT_TRUE(found[1].starts_with("agencies/acute.toml:2:1: unknown key \"nam\"; did you mean \"name\"?"));
  EXPECT_TRUE(found[2].starts_with("agreements/DSA-1.toml:1:"));
  EXPECT_TRUE(found[3].starts_with("routes/births.toml:5:7: there is no agency \"counci\""));
  EXPECT_TRUE(found[4].starts_with("routes/births.toml:6:9: \"state\" is an integer"));
}

TEST_F(PolicyFiles, NothingElseMayLieAmongThem) {
  write("routes/births.toml~", "");
  write("routes/.hidden.toml", "");
  write("routes/UPPER.toml", "");
  fs::create_directory(directory_ / "routes/folder.toml");
  fs::create_symlink("births.toml", directory_ / "routes/link.toml");
  const std::string stray =
      ":1:1: this does not belong here: expected only files named after what they hold, ID.toml";
  EXPECT_EQ(mistakes(),
            (Texts{"routes/.hidden.toml" + stray, "routes/UPPER.toml" + stray, "routes/births.toml~" + stray,
                   "routes/folder.toml:1:1: this is not a regular file",
                   "routes/link.toml:1:1: this is a symbolic link: expected the file itself"}));
}

TEST_F(PolicyFiles, FoldersMustBeThereAndReal) {
  fs::remove_all(directory_ / "routes");
  EXPECT_EQ(mistakes(), Texts{"routes:1:1: there is no such directory: expected one, which may be empty"});
  fs::create_symlink("agencies", directory_ / "routes");
  EXPECT_EQ(mistakes(), Texts{"routes:1:1: this is not a directory: expected one, and not a link to it"});
}

TEST_F(PolicyFiles, HaveRoutesOfWhichAllCanBeReplacedInOneAppend) {
  for (std::size_t i = 1; i < kMostRoutes; ++i) {
    const std::string id = "route-" + std::to_string(i);
    write("routes/" + id + ".toml", route(id, "from = [\"acute\"]\nto = [\"council\"]\n"));
  }
  EXPECT_EQ(load().routes.size(), 500U);
  write("routes/more.toml", route("more", "from = [\"acute\"]\nto = [\"council\"]\n"));
  EXPECT_EQ(mistakes(), Texts{"routes:1:1: 501 routes: expected at most 500"});
}

TEST_F(PolicyFiles, AreRefusedInATimezoneThatIsNot) {
  toml::Mistakes found;
  EXPECT_FALSE(load_policy(directory_, "Europe/Londn", found));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_NE(found[0].text().find("Europe/Londn"), std::string::npos);
}

// The command of docs/policy.md, which stands behind its mark there.
std::string identity_command() {
  const std::string page = read_file(fs::path(CHANCERY_SOURCE_DIR) / "docs/policy.md");
  const std::string mark = "<!-- identity -->\n```sh\n";
  const std::size_t begin = page.find(mark);
  return begin == std::string::npos
             ? ""
             : page.substr(begin + mark.size(), page.find('\n', begin + mark.size()) - begin - mark.size());
}

std::string run_in(const fs::path& directory, const std::string& command) {
  const std::string whole = "cd '" + directory.string() + "' && " + command;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(whole.c_str(), "r"), ::pclose);
  std::array<char, 128> text{};
  const std::size_t count = std::fread(text.data(), 1, text.size(), pipe.get());
  return {text.data(), count};
}

TEST_F(PolicyFiles, AreNamedByWhatSha256sumSays) {
  const std::string command = identity_command();
  ASSERT_FALSE(command.empty());
  // Names whose order differs between bytes and words, and between names with and without their suffix.
  for (const std::string id : {"a-b", "ab", "aa", "a1", "zz-z"}) {
    write("routes/" + id + ".toml", route(id, "from = [\"acute\"]\nto = [\"council\"]\n"));
  }
  const std::string before = load().hash;
  EXPECT_EQ(run_in(directory_, command), before + "\n");
  write("routes/ab.toml", route("ab", "from = [\"acute\"]\nto = [\"council\"] # a comment\n"));
  const std::string after = load().hash;
  EXPECT_EQ(run_in(directory_, command), after + "\n");
  EXPECT_NE(before, after);
}

TEST_F(PolicyFiles, AreNamedAlsoWhenThereAreNone) {
  for (const char* folder : {"agencies", "agreements", "routes"}) {
    fs::remove_all(directory_ / folder);
    fs::create_directory(directory_ / folder);
  }
  EXPECT_EQ(run_in(directory_, identity_command()), load().hash + "\n");
}

TEST_F(PolicyFiles, AreKeptWhole) {
  const Policy policy = load();
  const fs::path policies = directory_ / "var/policies";
  const fs::path kept = policies / policy.hash;
  fs::create_directories(policies / (".new-" + policy.hash) / "agencies");  // a start that was interrupted
  keep_policy(policy, policies);
  EXPECT_EQ(run_in(kept, identity_command()), policy.hash + "\n");
  for (const auto& [path, bytes] : policy.files) {
    EXPECT_EQ(read_file(kept / path), bytes);
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(policies), fs::directory_iterator()), 1);
  const auto written = fs::last_write_time(kept / "routes/births.toml");
  keep_policy(policy, policies);
  EXPECT_EQ(fs::last_write_time(kept / "routes/births.toml"), written);
  toml::Mistakes found;
  EXPECT_EQ(load_policy(kept, policy.timezone, found)->hash, policy.hash);
  EXPECT_THROW(keep_policy(policy, directory_ / "agencies/acute.toml"), std::system_error);
}

}  // namespace
}  // namespace chancery::route
