#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "daemon/transfer/recorder.h"

namespace chancery::transfer {

// Counts the connections that were turned away before they logged in, and records them as session.refused:
// one entry for each source and code in a minute, at most 64 of them, and one for all the
// rest. Thread-safe.
class Door {
 public:
  Door(Recorder& recorder, Clock clock);

  void refused(const std::string& source, const std::string& code);

  // To be called every second or so: once a minute is over, its counts are recorded.
  void tick();
  void flush();

 private:
  using Key = std::pair<std::string, std::string>;  // source, code

  Recorder& recorder_;
  Clock clock_;
  std::mutex mutex_;
  entry::Micros since_ = 0;
  std::map<Key, std::uint64_t> counts_;
  std::uint64_t rest_ = 0;
};

}  // namespace chancery::transfer
