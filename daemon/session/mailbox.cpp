#include "daemon/session/mailbox.h"

#include <atomic>

namespace chancery::session {

// What the copies of one Answer share.
struct Mailbox::Ticket {
  Ticket(std::shared_ptr<Mailbox> box, std::uint64_t request) : mailbox(std::move(box)), id(request) {}
  ~Ticket() { use(sftp::StatusReply{sftp::Status::failure, ""}); }
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;
  void use(sftp::Reply reply) {
    if (!used.exchange(true)) mailbox->put(id, std::move(reply));
  }

  std::shared_ptr<Mailbox> mailbox;
  std::uint64_t id;
  std::atomic<bool> used = false;
};

Answer Mailbox::answer_to(std::uint64_t id) {
  return [ticket = std::make_shared<Ticket>(shared_from_this(), id)](sftp::Reply reply) {
    ticket->use(std::move(reply));
  };
}

void Mailbox::put(std::uint64_t id, sftp::Reply reply) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  letters_.emplace_back(id, std::move(reply));
  if (!std::exchange(woken_, true)) wake_();
}

void Mailbox::hold() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
}

bool Mailbox::release() {
  const std::lock_guard lock(mutex_);
  woken_ = !letters_.empty();
  return woken_;
}

Mailbox::Letters Mailbox::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(letters_, {});
}

void Mailbox::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  letters_.clear();
}

}  // namespace chancery::session
