#include "daemon/session/mailbox.h"

#include <atomic>
#include <exception>

namespace chancery::session {

// What the copies of one Answer share. It has the letter from the beginning, so that also where there is no
// memory left the request is answered.
struct Mailbox::Ticket {
  Ticket(std::shared_ptr<Mailbox> box, std::uint64_t request) : mailbox(std::move(box)) {
    letter.emplace_back(request, sftp::StatusReply{sftp::Status::failure, ""});
  }
  ~Ticket() {
    if (!used) mailbox->put(std::move(letter));
  }
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;
  void use(sftp::Reply reply) {
    if (used.exchange(true)) return;
    letter.front().second = std::move(reply);
    mailbox->put(std::move(letter));
  }

  std::shared_ptr<Mailbox> mailbox;
  Letters letter;
  std::atomic<bool> used = false;
};

Answer Mailbox::answer_to(std::uint64_t id) {
  return [ticket = std::make_shared<Ticket>(shared_from_this(), id)](sftp::Reply reply) {
    ticket->use(std::move(reply));
  };
}

void Mailbox::put(Letters letter) noexcept {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  letters_.splice(letters_.end(), letter);
  if (woken_) return;
  try {
    wake_();
    woken_ = true;
  } catch (const std::exception&) {  // the next letter, or the session's next turn, finds this one
  }
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
