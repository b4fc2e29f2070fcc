#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <utility>

#include "daemon/tree/audit.h"
#include "tree_stage.h"

// The table of docs/sftp.md of what the tree denies: each row by its cause, and no row without one.
namespace chancery::tree {
namespace {

using sftp::Status;
using Row = std::pair<std::string, std::string>;  // status, sentence

constexpr const char* kNothingThere = "There is no such file or folder here.";
constexpr const char* kNotOfThatName = "There is no file of that name here.";

std::string name_of(Status status) {
  switch (status) {
    case Status::no_such_file:
      return "no such file";
    case Status::permission_denied:
      return "permission denied";
    case Status::failure:
      return "failure";
    default:
      return "another status";
  }
}

std::set<Row> rows_of_the_page() {
  std::ifstream file(CHANCERY_SOURCE_DIR "/docs/sftp.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  std::size_t at = page.find("|---|", page.find("By the tree:"));
  std::set<Row> rows;
  while (page.compare(at = page.find('\n', at) + 1, 2, "| ") == 0) {
    const std::size_t first = page.find(" | ", at);
    const std::size_t second = page.find(" | ", first + 3);
    rows.emplace(page.substr(at + 2, first - at - 2), page.substr(first + 3, second - first - 3));
  }
  return rows;
}

class Denied : public TreeTest {
 protected:
  void expect(Session& session, sftp::Operation operation, Status status, const std::string& sentence) {
    EXPECT_EQ(session.status(std::move(operation)), status) << sentence;
    EXPECT_EQ(session.said, sentence);
    asserted.emplace(name_of(status), sentence);
  }
  void change_route(const std::function<void(route::Route&)>& change) {
    auto changed = std::make_shared<route::Policy>(*stage.exchange->policy());
    changed->hash = std::string(64, static_cast<char>('b' + changes++));
    change(changed->routes["flow"]);
    stage.exchange->activate(changed);
  }

  void expect_of_what_is_not_there();
  void expect_of_opening();
  void expect_of_setting();
  void expect_of_removing_and_renaming();
  void expect_of_manifests();
  void expect_of_folders_and_links();
  void expect_of_listing_and_reading();
  void expect_of_hashes();
  void expect_of_what_was_withdrawn();

  std::set<Row> asserted;
  int changes = 0;
};

void Denied::expect_of_what_is_not_there() {
  for (const std::string path :
       {"/nothing", "/send/nothing/x.csv", "/collect/flow/nothing.age", "/send/flow/x.csv"}) {
    expect(sender, sftp::Open{path, sftp::kRead, {}}, Status::no_such_file, kNothingThere);
    expect(sender, sftp::Stat{path}, Status::no_such_file, kNothingThere);
    expect(sender, sftp::SetStat{path, {}}, Status::no_such_file, kNothingThere);
    expect(sender, sftp::OpenDirectory{path}, Status::no_such_file, kNothingThere);
    expect(sender, sftp::RemoveDirectory{path}, Status::no_such_file, kNothingThere);
    expect(sender, sftp::CheckFile{path}, Status::no_such_file, kNothingThere);
  }
  for (const std::string path : {"/nothing", "/send/nothing/x.csv", "/collect/flow/nothing.age"}) {
    expect(sender, sftp::Remove{path}, Status::no_such_file, kNothingThere);
    expect(sender, sftp::Rename{path, "/send/flow/y.csv"}, Status::no_such_file, kNothingThere);
  }
  // Another agency's, of either side.
  expect(receiver, sftp::Stat{"/send/flow/oct.csv"}, Status::no_such_file, kNothingThere);
  expect(sender, sftp::Stat{"/collect/flow/oct.csv.age"}, Status::no_such_file, kNothingThere);
  expect(receiver, sftp::Remove{"/send/flow/oct.csv"}, Status::no_such_file, kNothingThere);
  expect(receiver, sftp::Rename{"/send/flow/oct.csv", "/send/flow/nov.csv"}, Status::no_such_file,
         kNothingThere);
  expect(sender, sftp::Remove{"/send/flow/x.csv"}, Status::no_such_file, kNotOfThatName);
  expect(sender, sftp::Rename{"/send/flow/x.csv", "/send/flow/y.csv"}, Status::no_such_file, kNotOfThatName);
}

void Denied::expect_of_opening() {
  for (const std::string path :
       {"/README.txt", "/x.csv", "/send/x.csv", "/send/flow", "/collect/flow/oct.csv.age", "/receipts/x.csv"})
    expect(sender, sftp::Open{path, sftp::kWrite | sftp::kCreate, {}}, Status::permission_denied,
           "Files can only be put in a folder of /send.");
  expect(sender, sftp::Open{"/send/flow/oct.csv", sftp::kRead, {}}, Status::permission_denied,
         "What was put in /send cannot be read back.");
  const auto both = sender.open("/send/flow/both.csv", sftp::kRead | sftp::kWrite | sftp::kCreate);
  ASSERT_NE(both, kNoHandle);
  expect(sender, sftp::Read{both, 0, 10}, Status::failure, "What is put in /send cannot be read back.");
  expect(sender, sftp::Open{"/send/flow/x.csv", sftp::kWrite, {}}, Status::no_such_file,
         transfer::kNothingKept);
  const auto later = sender.open("/send/flow/x.csv", sftp::kWrite | sftp::kCreate);
  expect(sender, sftp::Write{later, 5 << 20, {'x'}}, Status::failure, transfer::kNothingKept);
  sender.ask(sftp::Close{both});
  sender.ask(sftp::Close{later});
}

void Denied::expect_of_setting() {
  sftp::Attributes shorter;
  shorter.size = 1;
  const std::string written = "The size of a file cannot be set; it is what was written.";
  expect(sender, sftp::SetStat{"/send/flow/oct.csv", shorter}, Status::failure, written);
  const auto upload = sender.create("/send/flow/dec.csv.part");
  expect(sender, sftp::HandleSetStat{upload, shorter}, Status::failure, written);
  sender.ask(sftp::Close{upload});
  const auto page = sender.open("/README.txt", sftp::kRead);
  expect(sender, sftp::HandleSetStat{page, shorter}, Status::failure, "This file is open for reading only.");
  sender.ask(sftp::Close{page});
  for (const std::string path : {"/", "/README.txt", "/send/flow"})
    expect(sender, sftp::SetStat{path, shorter}, Status::failure, "Nothing can be changed here.");
  expect(receiver, sftp::SetStat{"/collect/flow/oct.csv.age", shorter}, Status::failure,
         "Nothing can be changed here.");
}

void Denied::expect_of_removing_and_renaming() {
  expect(sender, sftp::Remove{"/send/flow/oct.csv"}, Status::permission_denied,
         "This file was already delivered. Ask the hub to recall it.");
  const std::string delivered =
      "This file was already delivered and cannot be renamed. Upload it again under the other name.";
  expect(sender, sftp::Rename{"/send/flow/oct.csv", "/send/flow/nov.csv"}, Status::permission_denied,
         delivered);
  const auto open = sender.create("/send/flow/nov.csv.part");
  expect(sender, sftp::Remove{"/send/flow/nov.csv.part"}, Status::failure,
         "This file is still open. Close it first, then remove it.");
  expect(sender, sftp::Rename{"/send/flow/nov.csv.part", "/send/flow/nov.csv"}, Status::failure,
         "This file is still open. Close it first, then rename it.");
  sender.ask(sftp::Close{open});
  for (const std::string path : {"/README.txt", "/send/flow", "/collect"})
    expect(sender, sftp::Remove{path}, Status::permission_denied,
           "Only deliveries in /collect can be removed.");
  const std::string within = "Only a file under a temporary name can be renamed, within its folder of /send.";
  for (const auto& [from, to] : {std::pair{"/README.txt", "/x.txt"},
                                 {"/send/flow", "/send/flow2"},
                                 {"/send/flow/nov.csv.part", "/send/other/nov.csv"},
                                 {"/send/flow/nov.csv.part", "/nov.csv"}})
    expect(sender, sftp::Rename{from, to}, Status::permission_denied, within);
  expect(receiver, sftp::Rename{"/collect/flow/oct.csv.age", "/collect/flow/x.age"},
         Status::permission_denied, within);
  // The same a year later, when it is no longer listed.
  stage.ledger.now += 365LL * 24 * 3600 * 1'000'000;
  expect(sender, sftp::Remove{"/send/flow/oct.csv"}, Status::permission_denied,
         "This file was already delivered. Ask the hub to recall it.");
  expect(sender, sftp::Rename{"/send/flow/oct.csv", "/send/flow/nov.csv"}, Status::permission_denied,
         delivered);
}

void Denied::expect_of_manifests() {
  change_route([](route::Route& route) { route.finish = route::Finish::manifest; });
  const std::string rows = "bc51e9e65d79e1c90ba544ab2eae1044ccdf8c1af7a559ba375cba4276f7d99e";
  ASSERT_EQ(sender.put("/send/flow/may.csv", "rows"), Status::ok) << sender.said;
  ASSERT_EQ(sender.put("/send/flow/may.csv.sha256", rows + "  may.csv\n"), Status::ok) << sender.said;
  const std::string taken = "A manifest that the hub has taken can be neither removed nor renamed.";
  expect(sender, sftp::Remove{"/send/flow/may.csv.sha256"}, Status::permission_denied, taken);
  expect(sender, sftp::Rename{"/send/flow/may.csv.sha256", "/send/flow/june.csv"}, Status::permission_denied,
         taken);
  change_route([](route::Route& route) { route.finish = route::Finish::close; });
}

void Denied::expect_of_folders_and_links() {
  for (const std::string path : {"/", "/send", "/send/flow", "/send/flow/oct.csv", "/README.txt"})
    expect(sender, sftp::MakeDirectory{path}, Status::failure,
           "There is a folder or a file of this name already.");
  for (const std::string path : {"/new", "/send/new", "/send/flow/new", "/collect/new"})
    expect(sender, sftp::MakeDirectory{path}, Status::permission_denied,
           "Folders cannot be made here: the routes are the folders.");
  for (const std::string path : {"/", "/send", "/send/flow", "/receipts"})
    expect(sender, sftp::RemoveDirectory{path}, Status::permission_denied,
           "Folders cannot be removed here: the routes are the folders.");
  const std::string file = "This is a file, which is not removed as a folder.";
  expect(sender, sftp::RemoveDirectory{"/send/flow/oct.csv"}, Status::permission_denied, file);
  expect(sender, sftp::RemoveDirectory{"/README.txt"}, Status::permission_denied, file);
  expect(receiver, sftp::RemoveDirectory{"/collect/flow/oct.csv.age"}, Status::permission_denied, file);
  expect(sender, sftp::MakeLink{"/link", "/README.txt"}, Status::permission_denied,
         "Links cannot be made here.");
  expect(sender, sftp::ReadLink{"/README.txt"}, Status::failure, "There are no links here.");
  Session lister(hub, stage.sender);
  for (int i = 0; i < 8; ++i) ASSERT_EQ(lister.status(sftp::OpenDirectory{"/"}), Status::ok);
  expect(lister, sftp::OpenDirectory{"/"}, Status::failure, "Too many folders are open: close one first.");
}

void Denied::expect_of_listing_and_reading() {
  // The ledger of this stage answers no question.
  expect(sender, sftp::OpenDirectory{"/receipts/log-keys"}, Status::failure,
         "The hub could not list this folder. Please try again later.");
  const std::string silent = "The ledger does not answer at the moment. Please try again later.";
  expect(sender, sftp::Open{"/receipts/log-keys/log-policy", sftp::kRead, {}}, Status::failure, silent);
  expect(sender, sftp::Stat{"/receipts/log-keys/log-policy"}, Status::failure, silent);
  // A file whose first byte no disk has.
  Audit audit("/proc/self", [] {});
  hub.audit = &audit;
  Session auditor(hub, {"alpha-audit", "alpha", "SHA256:d", "127.0.0.1"});
  const auto unreadable = auditor.open("/audit/mem", sftp::kRead);
  ASSERT_NE(unreadable, kNoHandle);
  expect(auditor, sftp::Read{unreadable, 0, 10}, Status::failure,
         "The hub could not read this file. Please try again later.");
  auditor.ask(sftp::Close{unreadable});
  hub.audit = nullptr;
}

void Denied::expect_of_hashes() {
  expect(sender, sftp::CheckFile{"/README.txt"}, Status::failure,
         "No hash is recorded of this: read it, and hash what you have read.");
  const auto upload = sender.create("/send/flow/sept.csv.part");
  expect(sender, sftp::CheckFile{.handle = upload}, Status::failure,
         "The hash is recorded when the file is finished: close it, or give it its final name, first.");
  sender.ask(sftp::Close{upload});
}

void Denied::expect_of_what_was_withdrawn() {
  const auto open = receiver.open("/collect/flow/oct.csv.age", sftp::kRead);
  ASSERT_NE(open, kNoHandle);
  ASSERT_TRUE(std::holds_alternative<sftp::DataReply>(receiver.ask(sftp::Read{open, 0, 10})));
  change_route([](route::Route& route) { route.state = route::State::suspended; });
  expect(receiver, sftp::Open{"/collect/flow/oct.csv.age", sftp::kRead, {}}, Status::permission_denied,
         "This route is suspended, and its deliveries are held.");
  expect(receiver, sftp::Read{open, 10, 10}, Status::permission_denied,
         "This route is suspended, and its deliveries are held.");
  receiver.ask(sftp::Close{open});
  Session other_key(hub, {"alpha-upload", "alpha", "SHA256:withdrawn", "127.0.0.1"});
  Session other_account(hub, {"gone", "alpha", "SHA256:a", "127.0.0.1"});
  const std::string withdrawn = "This account or its key was withdrawn. Ask the hub.";
  for (Session* each : {&other_key, &other_account})
    for (const sftp::Operation& operation : std::initializer_list<sftp::Operation>{
             sftp::RealPath{"."}, sftp::OpenDirectory{"/"}, sftp::Open{"/README.txt", sftp::kRead, {}}})
      expect(*each, operation, Status::permission_denied, withdrawn);
}

TEST_F(Denied, EveryRowOfThePageByItsCause) {
  ASSERT_EQ(sender.put("/send/flow/oct.csv", "rows"), Status::ok);
  expect_of_what_is_not_there();
  expect_of_opening();
  expect_of_setting();
  expect_of_removing_and_renaming();
  ASSERT_EQ(sender.put("/send/flow/oct.csv", "rows"), Status::ok);
  expect_of_manifests();
  expect_of_folders_and_links();
  expect_of_listing_and_reading();
  expect_of_hashes();
  expect_of_what_was_withdrawn();
  const auto page = rows_of_the_page();
  EXPECT_GT(page.size(), 25U);
  for (const auto& [status, sentence] : page)
    EXPECT_TRUE(asserted.contains({status, sentence})) << "no test of " << status << ": " << sentence;
  for (const auto& [status, sentence] : asserted)
    EXPECT_TRUE(page.contains({status, sentence})) << "not in the page: " << status << ": " << sentence;
}

}  // namespace
}  // namespace chancery::tree
