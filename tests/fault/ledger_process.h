#pragma once

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger/service/client.h"
#include "tests/unit/temporary_folder.h"

namespace chancery {

inline constexpr const char* kOrigin = "crash.example.org/ledger";

// A chancery-ledgerd of its own over DIR/ledger, DIR/keys and DIR/socket, run by `wrapper` if there is one.
class LedgerProcess {
 public:
  explicit LedgerProcess(const std::filesystem::path& folder, std::vector<std::string> wrapper = {})
      : command_(std::move(wrapper)) {
    for (const std::string& word :
         {std::string(CHANCERY_LEDGERD), std::string("--ledger"), (folder / "ledger").string(),
          std::string("--keys"), (folder / "keys").string(), std::string("--socket"),
          (folder / "socket").string(), std::string("--origin"), std::string(kOrigin)}) {
      command_.push_back(word);
    }
    std::vector<char*> arguments;
    for (std::string& word : command_) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  ~LedgerProcess() { end(SIGKILL); }
  LedgerProcess(const LedgerProcess&) = delete;
  LedgerProcess& operator=(const LedgerProcess&) = delete;

  pid_t pid() const { return pid_; }

  // Sends the signal and waits for the end; answers waitpid's status.
  int end(int signal) {
    if (pid_ <= 0) return status_;
    ::kill(pid_, signal);
    ::waitpid(pid_, &status_, 0);
    pid_ = 0;
    return status_;
  }

 private:
  std::vector<std::string> command_;
  pid_t pid_ = 0;
  int status_ = 0;
};

inline entry::Event refused_file(std::uint64_t number) {
  entry::Event event;
  event.id = entry::new_id();
  event.name = "file.refused";
  event.plain = {{"agency", "a"}, {"code", "too-large"}, {"count", "1"},
                 {"policy", "p"}, {"route", "r"},        {"transfer", entry::to_hex(event.id)}};
  event.committed = {{"account", "x"},  {"address", "192.0.2.1"},
                     {"key", "k"},      {"name", std::to_string(number)},
                     {"reason", "big"}, {"size", "9"}};
  return event;
}

// A folder of its own for the ledger of a test.
class LedgerFault : public ::testing::Test {
 protected:
  ~LedgerFault() override { std::filesystem::remove_all(folder_); }

  // Its size once it answers.
  static std::uint64_t wait_for_service(service::Client& client) {
    for (int i = 0; i < 1000; ++i) {
      try {
        return client.head().size;
      } catch (const service::Unavailable&) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    }
    ADD_FAILURE() << "the service did not come up";
    return 0;
  }

  std::filesystem::path folder_ = make_temporary_folder("chancery-fault");
};

}  // namespace chancery
