#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <libssh/libssh.h>

#include "daemon/session/session.h"
#include "daemon/sftp/engine.h"

namespace chancery::session {

class Mailbox;

// The one channel of a session: libssh's bytes given to the SFTP engine, and its output given to libssh, with
// bounded memory in both directions. Lives on the session's I/O thread; only Answers come from elsewhere.
//
// libssh may call take() from within write(), so nothing here is held across a write.
class Channel {
 public:
  // `wake` is called, from any thread, when an answer has come and turn() should be called.
  Channel(ssh_session session, ssh_channel channel, std::function<void()> wake);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // The client asked for SFTP. Bytes before that are a breach of protocol.
  void start(Served served);
  bool started() const { return engine_ != nullptr; }

  // Bytes from the client, which libssh gives again until they are consumed. Answers how many were.
  std::uint32_t take(const std::uint8_t* bytes, std::uint32_t size);
  // The client sends no more. `gone`: nor will it read.
  void end_of_input(bool gone);

  // Before anything of libssh is polled, a turn of this session begins: answers need not wake the session
  // until turn() returns, and requests are taken for some milliseconds, since others have their turn after
  // it.
  void begin_turn();
  // Gives answers to the engine, bytes that waited to it, and its output to the client. Answers whether it
  // stopped for want of time, with more to do: nothing else wakes the session then.
  bool turn();
  bool out_of_time() const { return Clock::now() >= turn_ends_; }

  // Everything was answered and the channel is closed; or reason() says why it must be.
  bool done() const { return done_; }
  const std::string& reason() const { return reason_; }
  // The hub owes the client an answer, so that the client's silence is not idleness.
  bool owes_answer() const { return engine_ != nullptr && engine_->unanswered() > 0; }
  // Counts what came and went; for the idle limit.
  std::uint64_t activity() const { return activity_; }

  // The session is over: tells `Served::ended` and drops the answers still to come.
  void end() noexcept;

 private:
  using Clock = std::chrono::steady_clock;
  void fail(std::string reason);
  void feed_waiting();
  void give_answers();
  void tell_given();
  void write_output();
  bool write_some();
  bool busy() const;
  void finish_if_drained();
  void complain(const sftp::Reply& reply);

  ssh_session session_;
  ssh_channel channel_;
  std::shared_ptr<Mailbox> mailbox_;
  Served served_;
  std::unique_ptr<sftp::Engine> engine_;
  std::vector<std::uint8_t> waiting_;  // taken from libssh, not from us by the engine yet
  std::size_t waiting_used_ = 0;
  std::uint32_t left_in_libssh_ = 0;
  std::vector<std::uint8_t> output_;
  std::size_t output_used_ = 0;
  std::uint64_t taken_ = 0;  // bytes that were ever taken from the engine's output
  struct Awaited {
    std::uint64_t end;  // of a reply in all the output
    std::function<void()> given;
  };
  std::deque<Awaited> awaited_;
  std::string complaints_;  // for the client's stderr
  std::string complained_;  // the last of them, while nothing but WRITEs is asked
  std::uint64_t activity_ = 0;
  Clock::time_point turn_ends_{};
  bool writing_ = false;
  bool input_ended_ = false;
  bool peer_gone_ = false;
  bool done_ = false;
  bool ended_ = false;
  std::string reason_;
};

}  // namespace chancery::session
