#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "daemon/transfer/caller.h"
#include "daemon/transfer/upload.h"

namespace chancery::transfer {

using UploadPtr = std::shared_ptr<Upload>;

// The uploads that are neither finished nor given up, by agency, route and name. Of two of one account and
// name the one begun, or gone on with, last is the one that is found. Thread-safe.
class Underway {
 public:
  using Chosen = std::function<bool(const Upload&)>;

  // From now on whatever else this account has under this name is out of date: what waits or is lost is
  // returned, for the caller to give up; what a session still has open is superseded.
  [[nodiscard]] std::vector<UploadPtr> add(const UploadPtr& upload);
  // One goes on where the other was. False, and nothing is changed, if that was not there.
  bool replace(const UploadPtr& old, const UploadPtr& with);
  // False if it was not there.
  bool remove(const UploadPtr& upload);

  UploadPtr find(const Caller& caller, const std::string& route, const std::string& name,
                 const Chosen& chosen = {}) const;
  // All of an account's on a route, in the order of their names.
  std::vector<UploadPtr> of(const Caller& caller, const std::string& route) const;
  std::size_t count(const Caller& caller) const;

  // Removes all of one name and account in a phase, but one.
  [[nodiscard]] std::vector<UploadPtr> take_others(const UploadPtr& but, Upload::Phase phase);
  // Removes the account's oldest in a phase, so that `most` remain.
  [[nodiscard]] std::vector<UploadPtr> take_oldest(const Caller& caller, Upload::Phase phase,
                                                   std::size_t most);
  // Removes all that are chosen.
  [[nodiscard]] std::vector<UploadPtr> take(const Chosen& chosen);

 private:
  using Key = std::tuple<std::string, std::string, std::string>;  // agency, route, name
  static Key key_of(const Upload& upload);

  mutable std::mutex mutex_;
  std::multimap<Key, UploadPtr> uploads_;
};

}  // namespace chancery::transfer
