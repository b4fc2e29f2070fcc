#pragma once

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "daemon/tree/audit.h"
#include "ledger/service/client.h"

namespace chancery::start {

// Keeps the export that auditors read up to date: at once, every ten minutes, and when one looks. It has a
// thread and a connection to the ledger of its own.
class Auditing {
 public:
  Auditing(const std::filesystem::path& socket, std::filesystem::path folder, std::filesystem::path policies,
           std::function<void(const std::string&)> log);
  ~Auditing();
  Auditing(const Auditing&) = delete;
  Auditing& operator=(const Auditing&) = delete;

  tree::Audit& audit() { return audit_; }
  // Ends what is under way; nothing is begun any more.
  void stop();

 private:
  void refresh();
  void run();

  service::Client client_;
  const std::filesystem::path folder_, policies_;
  const std::function<void(const std::string&)> log_;
  tree::Audit audit_;
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace chancery::start
