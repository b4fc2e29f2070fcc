#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "ledger/log/log.h"
#include "tests/unit/ledger/log/accepted.h"
#include "tests/unit/temporary_folder.h"

namespace chancery::log {

// A ledger in a folder of its own, with clocks that stand until they are moved.
class LogTest : public ::testing::Test {
 protected:
  ~LogTest() override { std::filesystem::remove_all(folder_); }

  Options options() {
    Options options;
    options.folder = folder_ / "ledger";
    options.keys = folder_ / "keys";
    options.origin = "hub.example.org/ledger";
    options.clock = {[this] { return wall_.load(); }, [this] { return steady_.load(); }};
    options.map_bytes = map_bytes_;
    return options;
  }
  std::unique_ptr<Log> open() { return std::make_unique<Log>(options()); }

  // Both clocks go on.
  void pass(entry::Micros time) {
    wall_ += time;
    steady_ += time;
  }

  static Appended append(Log& log, entry::Event event) {
    std::vector<entry::Event> batch;
    batch.push_back(std::move(event));
    return log.append(entry::Author::hub, std::move(batch));
  }

  static bool soon(const std::function<bool()>& condition) {
    for (int i = 0; i < 500; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  static entry::Entry entry_at(const Log& log, std::uint64_t seq) {
    const auto found = log.entries(seq, 1, false);
    return found.empty() ? entry::Entry{} : std::get<entry::Entry>(entry::parse(found[0].text));
  }

  std::filesystem::path folder_ = make_temporary_folder("chancery-log");
  std::atomic<entry::Micros> wall_{1'800'000'000'000'000};
  std::atomic<entry::Micros> steady_{5'000'000};
  std::size_t map_bytes_ = store::kMapBytes;
};

}  // namespace chancery::log
