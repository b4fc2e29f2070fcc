#include "daemon/session/channel.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <libssh/libssh.h>
#include <libssh/server.h>

#include "daemon/session/mailbox.h"
#include "policies/text/unseen.h"

namespace chancery::session {
namespace {

constexpr std::uint32_t kReadAtOnce = 64 * 1024;
// A request may take a tenth of a millisecond or, for a long page, one or two; a client sends 2 MiB of them.
constexpr std::chrono::milliseconds kTurn{4};
constexpr std::size_t kWriteAtOnce = 128UL * 1024;
constexpr std::size_t kLongestComplaints = 16UL * 1024;
// libssh's own buffer holds one window (2 MiB) besides, so that together it is the 4 MiB of a session.
constexpr sftp::Limits kLimits;

}  // namespace

Channel::Channel(ssh_session session, ssh_channel channel, std::function<void()> wake)
    : session_(session), channel_(channel), mailbox_(std::make_shared<Mailbox>(std::move(wake))) {}

Channel::~Channel() { end(); }

void Channel::start(Served served) {
  served_ = std::move(served);
  engine_ = std::make_unique<sftp::Engine>(kLimits, [this](sftp::Request request) {
    if (!std::holds_alternative<sftp::Write>(request.operation)) complained_.clear();
    Answer answer = mailbox_->answer_to(request.id);
    try {
      served_.request(std::move(request), std::move(answer));
    } catch (const std::exception&) {  // an Answer that is dropped is a failure
    }
    if (out_of_time()) engine_->pause();
  });
}

std::uint32_t Channel::take(const std::uint8_t* bytes, std::uint32_t size) {
  if (engine_ == nullptr) fail("The client sent data before it asked for SFTP.");
  if (done_) return size;
  std::size_t used = 0;
  if (waiting_.empty() && !out_of_time()) used = engine_->feed({bytes, size});
  activity_ += used;
  left_in_libssh_ = size - static_cast<std::uint32_t>(used);
  return static_cast<std::uint32_t>(used);
}

void Channel::end_of_input(bool gone) {
  input_ended_ = true;
  peer_gone_ = peer_gone_ || gone;
}

void Channel::begin_turn() {
  mailbox_->hold();
  turn_ends_ = Clock::now() + kTurn;
}

// What waits gets at least one request a round, however long the rest of the turn took.
bool Channel::turn() {
  bool letters = true;
  bool stopped = false;
  while (letters && !stopped) {
    give_answers();
    if (engine_ != nullptr) {
      feed_waiting();
      write_output();
      if (!out_of_time()) feed_waiting();
    }
    letters = mailbox_->release();
    stopped = out_of_time();
  }
  if (engine_ != nullptr && engine_->broken() && !done_) fail(engine_->reason());
  finish_if_drained();
  return stopped && !done_ && (letters || !waiting_.empty() || left_in_libssh_ > 0);
}

void Channel::give_answers() {
  for (auto& [id, reply] : mailbox_->take()) {
    ++activity_;
    complain(reply);
    auto* const data = std::get_if<sftp::DataReply>(&reply);
    std::function<void()> given = data != nullptr ? std::move(data->given) : nullptr;
    engine_->reply(id, std::move(reply));
    if (given) awaited_.push_back({taken_ + engine_->output_bytes(), std::move(given)});
  }
}

// Gives the engine what it did not take at once: first what we hold, then what libssh holds. libssh gives its
// rest to take() only with the next packet, so it is fetched; that also refills the client's window.
void Channel::feed_waiting() {
  while (!done_) {
    if (waiting_.empty()) {
      if (left_in_libssh_ == 0) return;
      waiting_.resize(std::min(left_in_libssh_, kReadAtOnce));
      const int read = ssh_channel_read_timeout(channel_, waiting_.data(),
                                                static_cast<std::uint32_t>(waiting_.size()), 0, 0);
      if (read <= 0) {
        waiting_.clear();
        left_in_libssh_ = 0;
        if (read == SSH_ERROR) fail("The channel cannot be read.");
        return;
      }
      waiting_.resize(static_cast<std::size_t>(read));
      left_in_libssh_ -= std::min(left_in_libssh_, static_cast<std::uint32_t>(read));
    }
    const std::size_t used = engine_->feed(std::span(waiting_).subspan(waiting_used_));
    if (used == 0) return;
    activity_ += used;
    waiting_used_ += used;
    if (waiting_used_ == waiting_.size()) {
      waiting_.clear();
      waiting_used_ = 0;
    }
    if (out_of_time()) return;
  }
}

void Channel::write_output() {
  if (writing_) return;
  writing_ = true;
  while (!done_ && write_some()) continue;
  writing_ = false;
}

// Answers whether more can be written now.
bool Channel::write_some() {
  if (output_used_ == output_.size()) {
    output_ = engine_->take_output();
    output_used_ = 0;
    taken_ += output_.size();
  }
  if (peer_gone_) {
    output_.clear();
    complaints_.clear();
    awaited_.clear();
    output_used_ = 0;
    return engine_->output_bytes() > 0;
  }
  const std::uint32_t window = ssh_channel_window_size(channel_);
  if (window == 0 || (ssh_get_status(session_) & SSH_WRITE_PENDING) != 0) return false;
  if (!complaints_.empty()) {
    const std::string text = std::exchange(complaints_, {});
    const auto size = static_cast<std::uint32_t>(std::min<std::size_t>(text.size(), window));
    return ssh_channel_write_stderr(channel_, text.data(), size) > 0;
  }
  const std::size_t left = output_.size() - output_used_;
  if (left == 0) return false;
  const auto size = static_cast<std::uint32_t>(std::min({left, kWriteAtOnce, std::size_t{window}}));
  const int written = ssh_channel_write(channel_, output_.data() + output_used_, size);
  if (written < 0) {
    fail("The channel cannot be written.");
    return false;
  }
  activity_ += static_cast<std::uint64_t>(written);
  output_used_ += static_cast<std::size_t>(written);
  tell_given();
  return written > 0;
}

void Channel::tell_given() {
  const std::uint64_t given = taken_ - (output_.size() - output_used_);
  while (!awaited_.empty() && awaited_.front().end <= given) {
    const Awaited reply = std::move(awaited_.front());
    awaited_.pop_front();
    reply.given();
  }
}

// Something is on its way: bytes that wait, requests without an answer, output.
bool Channel::busy() const {
  return engine_ != nullptr && (engine_->unanswered() > 0 || engine_->output_bytes() > 0 ||
                                output_used_ < output_.size() || !waiting_.empty() || left_in_libssh_ > 0);
}

// An end of input is answered with a close, after everything asked before it was answered.
void Channel::finish_if_drained() {
  if (done_ || !input_ended_ || busy()) return;
  done_ = true;
  if (peer_gone_) return;
  if (engine_ != nullptr) ssh_channel_request_send_exit_status(channel_, 0);
  ssh_channel_close(channel_);
}

// The WRITEs under way behind one that failed all get its sentence; it is said once.
void Channel::complain(const sftp::Reply& reply) {
  const auto* status = std::get_if<sftp::StatusReply>(&reply);
  if (status == nullptr || status->message.empty()) return;
  if (status->status != sftp::Status::permission_denied && status->status != sftp::Status::failure) return;
  if (status->message == complained_) return;
  if (complaints_.size() + status->message.size() > kLongestComplaints) return;
  complained_ = status->message;
  complaints_ += text::printable(status->message) + "\r\n";
}

void Channel::fail(std::string reason) {
  done_ = true;
  reason_ = std::move(reason);
}

void Channel::end() noexcept {
  if (std::exchange(ended_, true)) return;
  done_ = true;
  mailbox_->close();
  if (engine_ != nullptr && served_.ended) {
    try {
      served_.ended(engine_->open_handles());
    } catch (const std::exception&) {  // the session is over either way
    }
  }
  served_ = {};
}

}  // namespace chancery::session
