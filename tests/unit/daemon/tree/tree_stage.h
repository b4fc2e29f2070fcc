#pragma once

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "daemon/tree/tree.h"
#include "tests/unit/daemon/transfer/stage.h"

// A hub without network, and sessions of its accounts.
namespace chancery::tree {

using transfer::Caller;
using transfer::Stage;

constexpr sftp::HandleId kNoHandle = 999'999;

// A ledger that does not answer: proofs are in receipts_test.cpp.
inline Evidence silent_evidence() {
  const auto silent = []() -> service::Unavailable { return service::Unavailable("it does not answer"); };
  return {[silent](auto, auto) -> std::vector<service::StoredEntry> { throw silent(); },
          [silent](auto, auto) -> std::vector<merkle::Hash> { throw silent(); },
          [silent]() -> std::optional<std::string> { throw silent(); },
          [silent](auto) -> std::optional<std::string> { throw silent(); }};
}

class TreeTest : public testing::Test {
 protected:
  TreeTest() { stage.add_account("alpha", "alpha-audit", {"SHA256:d"}, agreement::AccountRole::auditor); }
  ~TreeTest() override { stage.exchange->stop(); }

  // A session: its tree, and the numbers of its requests.
  struct Session {
    Session(Hub& of, Caller who) : tree(of, std::move(who)) {}

    // Asks, and waits for the answer; a second answer fails the test.
    sftp::Reply ask(sftp::Operation operation) {
      struct Heard {
        std::promise<sftp::Reply> promise;
        std::atomic<int> answers = 0;
      };
      auto heard = std::make_shared<Heard>();
      auto answer = heard->promise.get_future();
      tree.serve({++last, std::move(operation)}, [heard](sftp::Reply reply) {
        if (++heard->answers == 1)
          heard->promise.set_value(std::move(reply));
        else
          ADD_FAILURE() << "answered twice";
      });
      if (answer.wait_for(std::chrono::seconds(60)) != std::future_status::ready) {
        ADD_FAILURE() << "never answered";
        return sftp::StatusReply{sftp::Status::no_connection, ""};
      }
      return answer.get();
    }
    sftp::Status status(sftp::Operation operation) {
      const sftp::Reply reply = ask(std::move(operation));
      const auto* answered = std::get_if<sftp::StatusReply>(&reply);
      said = answered == nullptr ? "" : answered->message;
      return answered == nullptr ? sftp::Status::ok : answered->status;
    }
    // The new handle, or kNoHandle.
    sftp::HandleId open(const std::string& path, std::uint32_t flags) {
      return status(sftp::Open{path, flags, {}}) == sftp::Status::ok ? last : kNoHandle;
    }
    sftp::HandleId create(const std::string& path) {
      return open(path, sftp::kWrite | sftp::kCreate | sftp::kTruncate);
    }
    sftp::Status write(sftp::HandleId handle, std::uint64_t offset, const std::string& bytes) {
      return status(sftp::Write{handle, offset, {bytes.begin(), bytes.end()}});
    }
    sftp::Status put(const std::string& path, const std::string& bytes) {
      const auto handle = create(path);
      if (handle == kNoHandle) return sftp::Status::failure;
      if (!bytes.empty() && write(handle, 0, bytes) != sftp::Status::ok) return sftp::Status::failure;
      return status(sftp::Close{handle});
    }
    sftp::Status rename(const std::string& from, const std::string& to) {
      return status(sftp::Rename{from, to});
    }
    std::string read_all(const std::string& path) {
      const auto handle = open(path, sftp::kRead);
      std::string bytes;
      for (;;) {
        const sftp::Reply reply = ask(sftp::Read{handle, bytes.size(), 32768});
        const auto* data = std::get_if<sftp::DataReply>(&reply);
        if (data == nullptr) break;
        bytes.append(data->data.begin(), data->data.end());
        if (data->given) data->given();
      }
      EXPECT_EQ(status(sftp::Close{handle}), sftp::Status::ok);
      return bytes;
    }
    std::vector<std::string> list(const std::string& path) {
      std::vector<std::string> names;
      if (status(sftp::OpenDirectory{path}) != sftp::Status::ok) return {"(not listed)"};
      const auto handle = last;
      for (;;) {
        const sftp::Reply reply = ask(sftp::ReadDirectory{handle});
        const auto* some = std::get_if<sftp::NamesReply>(&reply);
        if (some == nullptr) break;
        for (const auto& file : some->files)
          if (file.name != "." && file.name != "..") names.push_back(file.name);
      }
      EXPECT_EQ(status(sftp::Close{handle}), sftp::Status::ok);
      return names;
    }

    Tree tree;
    std::uint64_t last = 0;
    std::string said;  // the sentence of the last status
  };

  std::string month() const { return entry::format_time(stage.ledger.now).substr(0, 7); }
  std::size_t waiting() const { return stage.exchange->projection().waiting("beta", "flow").size(); }

  Stage stage;
  std::string coming_key;
  Hub hub{*stage.exchange,
          {"A hub", "hub.example.org/ledger", "SHA256:host", [this] { return coming_key; },
           [](entry::Micros time) { return entry::format_time(time); }},
          {},
          Receipts(silent_evidence())};
  Session sender{hub, stage.sender}, receiver{hub, stage.receiver};
};

}  // namespace chancery::tree
