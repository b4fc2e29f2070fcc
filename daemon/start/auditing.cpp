#include "daemon/start/auditing.h"

#include <chrono>
#include <stdexcept>

#include <pthread.h>

#include "ledger/exports/exports.h"
#include "ledger/service/export_source.h"

namespace chancery::start {

namespace {

constexpr std::chrono::minutes kEvery{10};

}  // namespace

Auditing::Auditing(const std::filesystem::path& socket, std::filesystem::path folder,
                   std::filesystem::path policies, std::function<void(const std::string&)> log)
    : client_(socket, service::Role::reader),
      folder_(std::move(folder)),
      policies_(std::move(policies)),
      log_(std::move(log)),
      audit_(folder_, [this] { refresh(); }),
      thread_([this] { run(); }) {
  ::pthread_setname_np(thread_.native_handle(), "audit");
}

Auditing::~Auditing() {
  stop();
  thread_.join();
}

void Auditing::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
}

void Auditing::run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    lock.unlock();
    audit_.refresh();
    lock.lock();
    wake_.wait_for(lock, kEvery, [this] { return stopped_.load(); });
  }
}

void Auditing::refresh() {
  try {
    exports::write_export(service::export_source(client_), {folder_, policies_, [this](auto, auto) {
                                                              if (stopped_)
                                                                throw std::runtime_error("stopping");
                                                            }});
  } catch (const std::exception& error) {
    if (!stopped_) log_(std::string("the export for auditors is not up to date: ") + error.what());
  }
}

}  // namespace chancery::start
