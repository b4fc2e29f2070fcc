#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace chancery::tree {

// How many bytes of folders' lists are held.
struct ListLimits {
  std::size_t of_account = 64UL << 20;
  std::size_t in_all = 256UL << 20;
  // An account that holds less than this may always have another list, however long that one is.
  std::size_t always = 1UL << 20;
};

// The lists of folders that all sessions have open: of an account they are made one after another, so that
// it takes one worker at most, and held up to a number of bytes. Thread-safe; workers and sessions may
// outlive it.
class Lists {
 public:
  explicit Lists(const ListLimits& limits = {});

  using Post = std::function<void(std::function<void()>)>;  // runs a function on the workers
  // Runs `work`, which throws nothing, by `post` once the work that this account has asked for before is
  // done.
  void in_turn(const std::string& account, const Post& post, std::function<void()> work);

  // Whether the account may have another list made.
  bool has_room(const std::string& account) const;
  // Counts a list that was made until what is returned goes.
  std::shared_ptr<void> hold(const std::string& account, std::size_t bytes);

 private:
  struct State;
  static void run_next(const std::shared_ptr<State>& state, const std::string& account, const Post& post);

  const std::shared_ptr<State> state_;
};

}  // namespace chancery::tree
