#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

#include "daemon/session/session.h"

namespace chancery::session {

// Answers on their way to a session's I/O thread. Thread-safe.
class Mailbox : public std::enable_shared_from_this<Mailbox> {
 public:
  using Letters = std::list<std::pair<std::uint64_t, sftp::Reply>>;
  explicit Mailbox(std::function<void()> wake) : wake_(std::move(wake)) {}

  // The Answer of the request `id`.
  Answer answer_to(std::uint64_t id);

  // Until release(), put() does not wake.
  void hold();
  // Answers whether there are letters; if not, the next one wakes.
  bool release();
  Letters take();
  // From now on letters are dropped, and no wake is under way.
  void close();

 private:
  struct Ticket;
  void put(Letters letter) noexcept;

  std::mutex mutex_;
  std::function<void()> wake_;
  Letters letters_;
  bool woken_ = false;  // or held
  bool closed_ = false;
};

}  // namespace chancery::session
