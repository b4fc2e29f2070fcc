#include "daemon/session/connection.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fcntl.h>
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <unistd.h>

#include "daemon/session/algorithms.h"
#include "daemon/session/channel.h"
#include "daemon/session/disagreement.h"
#include "daemon/session/handles.h"
#include "daemon/session/host_key_handle.h"
#include "daemon/session/login.h"
#include "policies/text/unseen.h"

namespace chancery::session {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A login takes some 10 KiB; this is where a client that only sends (bad signatures are not answered) is cut
// off. libssh may hold all of it as one packet that is not whole, and with the rest it is less than 256 KiB.
constexpr std::uint64_t kLoginBytes = 192UL * 1024;
// After so much, other sessions of the thread have their turn.
constexpr std::uint64_t kTurnBytes = 512UL * 1024;
constexpr int kTurnPolls = 256;
// libssh itself answers global requests and the like, and holds for a client that does not read what it
// cannot send. Of ours at most one write of 128 KiB waits there.
constexpr std::uint64_t kMostUnsent = 1024UL * 1024;
constexpr std::uint64_t kOfADelivery = 1024;  // bytes of a packet, on an average
constexpr std::uint64_t kLeastAdded = 25;     // to a packet: two lengths, padding, tag (RFC 4253 section 6)
// How long a client may take to hang up after the channel was closed.
constexpr seconds kLinger{5};
// How many times a silent client is asked whether it is there before it is given up, the giving up included.
constexpr int kQuestions = 5;

// What all connections of a hub go by; it outlives them.
struct Shared {
  hub::Limits limits;
  hub::Algorithms algorithms = hub::Algorithms::strict;
  Hooks hooks;
};

// One SSH session, from the key exchange to its end. Everything happens on its context's one thread, most of
// it in turn(): libssh is polled as long as there is something, then the channel gets its turn, then we wait
// for the descriptor. Callbacks of libssh only take notes, because they run inside of libssh.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::io_context& context, SessionHandle session, int descriptor, const Shared& shared,
             std::string address, Admission admission);

  // Throws Error.
  void start();
  void turn() noexcept;
  void stop(const std::string& reason) noexcept;

 private:
  // What libssh calls; `self` is the Connection.
  static int on_public_key(ssh_session, const char* user, ssh_key_struct* key, char state,
                           void* self) noexcept;
  static int on_password(ssh_session, const char*, const char*, void* self) noexcept;
#if LIBSSH_VERSION_INT >= SSH_VERSION_INT(0, 12, 0)
  static int on_interactive(ssh_message, ssh_session, void* self) noexcept;
#endif
  static ssh_channel on_channel(ssh_session, void* self) noexcept;
  static int on_subsystem(ssh_session, ssh_channel, const char* name, void* self) noexcept;
  static int on_data(ssh_session, ssh_channel, void* bytes, std::uint32_t size, int is_stderr,
                     void* self) noexcept;
  static void on_eof(ssh_session, ssh_channel, void* self) noexcept;
  static void on_close(ssh_session, ssh_channel, void* self) noexcept;
  template <typename Result, typename Body>
  static Result guard(void* self, Result on_failure, Body body) noexcept;

  ssh_channel open_channel();
  bool poll();
  void fail_with_error();
  void check();
  void refuse(Refusal why);
  void tell_end(const std::string& reason);
  void wait(asio::posix::stream_descriptor::wait_type type, bool& waiting);
  void arm(bool again);
  void arm_timer();
  void time_is_up();
  void listen();
  void ask();
  void wake();
  void say_login();
  bool is_flooded();

  asio::io_context& context_;
  const hub::Limits& limits_;
  const hub::Algorithms algorithms_;
  const Hooks& hooks_;
  std::string address_;
  Admission admission_;
  Login login_;
  ssh_server_callbacks_struct server_callbacks_{};
  ssh_channel_callbacks_struct channel_callbacks_{};
  ssh_counter_struct counter_{};  // of bytes on the socket
  ssh_counter_struct packets_{};
  // libssh may close its descriptor at any time; ours is a duplicate, so that Asio never watches another's.
  asio::posix::stream_descriptor descriptor_;
  SessionHandle session_;
  EventHandle event_;
  std::unique_ptr<Channel> channel_;
  asio::steady_timer timer_;
  Clock::time_point started_ = Clock::now();
  Clock::time_point active_ = started_;
  Clock::time_point heard_ = started_;  // anything from the client
  Clock::time_point asked_ = started_;  // it whether it is there
  std::uint64_t heard_bytes_ = 0;
  ssh_counter_struct since_{};                                       // of packets, when nothing was unsent
  std::uint64_t unsent_ = 0, counted_sent_ = 0, counted_taken_ = 0;  // bytes
  Clock::time_point closing_{};  // since when only the client's hanging up is waited for
  std::uint64_t activity_ = 0;
  bool reading_ = false, writing_ = false, again_ = false;  // what is being waited for
  bool said_login_ = false;
  bool exchanged_ = false;  // keys, when it ended
  bool spoke_ssh_ = false;  // it introduced itself as an SSH client
  bool ended_ = false;
  std::optional<Refusal> refusal_;
  std::string failure_;  // of a callback
};

Connection::Connection(asio::io_context& context, SessionHandle session, int descriptor, const Shared& shared,
                       std::string address, Admission admission)
    : context_(context),
      limits_(shared.limits),
      algorithms_(shared.algorithms),
      hooks_(shared.hooks),
      address_(std::move(address)),
      admission_(std::move(admission)),
      login_(hooks_, {address_, limits_.attempts,
                      [this](const std::string& user) { return admission_.log_in(user); }}),
      descriptor_(context, descriptor),
      session_(std::move(session)),
      event_(ssh_event_new()),
      timer_(context) {}

void Connection::start() {
  server_callbacks_.userdata = this;
  server_callbacks_.auth_pubkey_function = on_public_key;
  server_callbacks_.auth_password_function = on_password;
#if LIBSSH_VERSION_INT >= SSH_VERSION_INT(0, 12, 0)
  // Before 0.12 the library refuses it by itself, uncounted: the deadline bounds it.
  server_callbacks_.auth_kbdint_function = on_interactive;
#endif
  server_callbacks_.channel_open_request_session_function = on_channel;
  ssh_callbacks_init(&server_callbacks_);
  channel_callbacks_.userdata = this;
  channel_callbacks_.channel_data_function = on_data;
  channel_callbacks_.channel_eof_function = on_eof;
  channel_callbacks_.channel_close_function = on_close;
  channel_callbacks_.channel_subsystem_request_function = on_subsystem;
  ssh_callbacks_init(&channel_callbacks_);
  ssh_set_server_callbacks(session_.get(), &server_callbacks_);
  ssh_set_auth_methods(session_.get(), SSH_AUTH_METHOD_PUBLICKEY);
  ssh_set_counters(session_.get(), &counter_, &packets_);
  ssh_set_blocking(session_.get(), 0);
  if (event_ == nullptr) throw Error("There is no memory left for a session.");
  // This already reads what has come, which may be anything.
  if (ssh_handle_key_exchange(session_.get()) == SSH_ERROR) {
    fail_with_error();
    return check();
  }
  if (ssh_event_add_session(event_.get(), session_.get()) != SSH_OK)
    throw Error("libssh could not begin a session.");
  arm_timer();
  turn();
}

template <typename Result, typename Body>
Result Connection::guard(void* self, Result on_failure, Body body) noexcept {
  auto& connection = *static_cast<Connection*>(self);
  try {
    return body(connection);
  } catch (const std::exception& error) {
    connection.failure_ = error.what();
    if (connection.failure_.empty()) connection.failure_ = "unknown failure";
    return on_failure;
  }
}

int Connection::on_public_key(ssh_session, const char* user, ssh_key_struct* key, char state,
                              void* self) noexcept {
  return guard(self, int{SSH_AUTH_DENIED}, [&](Connection& connection) {
    return connection.login_.public_key(user, key, static_cast<ssh_publickey_state_e>(state));
  });
}

int Connection::on_password(ssh_session, const char*, const char*, void* self) noexcept {
  return guard(self, int{SSH_AUTH_DENIED},
               [&](Connection& connection) { return connection.login_.other_method(); });
}

#if LIBSSH_VERSION_INT >= SSH_VERSION_INT(0, 12, 0)
int Connection::on_interactive(ssh_message, ssh_session, void* self) noexcept {
  return on_password(nullptr, nullptr, nullptr, self);
}
#endif

ssh_channel Connection::on_channel(ssh_session, void* self) noexcept {
  return guard(self, ssh_channel{nullptr}, [&](Connection& connection) { return connection.open_channel(); });
}

// The second gate: whatever libssh thinks of the login, no channel without a bound identity; and one only.
ssh_channel Connection::open_channel() {
  if (!login_.peer() || channel_ != nullptr) return nullptr;
  ssh_channel channel = ssh_channel_new(session_.get());
  if (channel == nullptr) return nullptr;
  channel_ =
      std::make_unique<Channel>(session_.get(), channel, [weak = weak_from_this(), &context = context_] {
        asio::post(context, [weak] {
          if (const auto connection = weak.lock()) connection->turn();
        });
      });
  channel_->begin_turn();
  ssh_set_channel_callbacks(channel, &channel_callbacks_);
  return channel;
}

// libssh expects 0 for yes. Shell, exec, pty, env and the rest have no callback, and are refused by libssh.
int Connection::on_subsystem(ssh_session, ssh_channel, const char* name, void* self) noexcept {
  return guard(self, 1, [&](Connection& connection) {
    if (name == nullptr || std::string_view(name) != "sftp") return 1;
    if (!connection.channel_ || connection.channel_->started()) return 1;
    connection.channel_->start(connection.hooks_.logged_in(*connection.login_.peer()));
    return 0;
  });
}

int Connection::on_data(ssh_session, ssh_channel, void* bytes, std::uint32_t size, int is_stderr,
                        void* self) noexcept {
  const int all = static_cast<int>(size);
  return guard(self, all, [&](Connection& connection) {
    if (is_stderr != 0 || !connection.channel_ || connection.ended_) return all;
    return static_cast<int>(connection.channel_->take(static_cast<const std::uint8_t*>(bytes), size));
  });
}

void Connection::on_eof(ssh_session, ssh_channel, void* self) noexcept {
  auto& connection = *static_cast<Connection*>(self);
  if (connection.channel_) connection.channel_->end_of_input(false);
}

void Connection::on_close(ssh_session, ssh_channel, void* self) noexcept {
  auto& connection = *static_cast<Connection*>(self);
  if (connection.channel_) connection.channel_->end_of_input(true);
}

void Connection::fail_with_error() {
  if (!failure_.empty()) return;
  failure_ = "the connection was lost";
  const std::string why = ssh_get_error(session_.get());
  const char* const client = ssh_get_clientbanner(session_.get());
  if (const auto known = explain_disagreement(why, client == nullptr ? "it" : client, algorithms_)) {
    failure_ = *known;
  } else if (!why.empty()) {
    failure_ += ": " + why;
  }
}

// Answers whether there may be more to do at once.
bool Connection::poll() {
  const std::uint64_t before = counter_.in_bytes;
  for (int i = 0; i < kTurnPolls; ++i) {
    const int result = ssh_event_dopoll(event_.get(), 0);
    if (result == SSH_AGAIN) return false;
    if (result == SSH_ERROR) {
      fail_with_error();
      return false;
    }
    if (counter_.in_bytes - before >= kTurnBytes || !failure_.empty() || login_.refusal()) return true;
    if (!login_.peer() && counter_.in_bytes > kLoginBytes) return true;
    if (channel_ && channel_->out_of_time()) return true;
  }
  return true;
}

void Connection::turn() noexcept {
  if (ended_) return;
  const auto self = shared_from_this();
  try {
    if (channel_) channel_->begin_turn();
    bool again = poll();
    if (channel_ && channel_->turn()) again = true;
    check();
    if (!ended_) arm(again);
  } catch (const std::exception& error) {
    stop(error.what());
  }
}

// Ends the session if there is a reason to.
void Connection::check() {
  listen();
  say_login();
  if (login_.refusal() && !login_.peer()) return refuse(*login_.refusal());
  if (!login_.peer() && counter_.in_bytes > kLoginBytes) return refuse(Refusal::flood);
  const int status = ssh_get_status(session_.get());
  if ((status & SSH_CLOSED_ERROR) != 0) fail_with_error();
  if (failure_.empty() && (status & SSH_CLOSED) != 0) failure_ = "the client hung up";
  if (!failure_.empty()) return stop(failure_);
  if (is_flooded()) return stop("the client asks and does not read the answers");
  if (channel_ && channel_->done()) {
    if (!channel_->reason().empty()) return stop(channel_->reason());
    if (closing_ == Clock::time_point{}) {
      closing_ = Clock::now();
      arm_timer();
    }
  }
  if (channel_ && channel_->activity() != activity_) {
    activity_ = channel_->activity();
    active_ = Clock::now();
  }
}

// Whether libssh's buffer, of which it does not tell, has too many answers of its own: its packets, each with
// the least that is added to one, less what the socket took. That is never more than do wait there, and
// begins anew where it would fall below none. After keys were exchanged anew much of a delivery may come
// there at once; those packets are long.
bool Connection::is_flooded() {
  const std::uint64_t sent = packets_.out_bytes + kLeastAdded * packets_.out_packets;
  unsent_ += sent - std::exchange(counted_sent_, sent);
  const std::uint64_t taken = counter_.out_bytes - std::exchange(counted_taken_, counter_.out_bytes);
  unsent_ -= std::min(unsent_, taken);
  if (unsent_ == 0) since_ = packets_;
  return unsent_ > kMostUnsent &&
         packets_.out_bytes - since_.out_bytes < kOfADelivery * (packets_.out_packets - since_.out_packets);
}

void Connection::say_login() {
  if (said_login_ || !login_.peer()) return;
  said_login_ = true;
  active_ = Clock::now();
  arm_timer();
  hooks_.log(text::printable(login_.peer()->user) + " logged in from " + address_ + " with " +
             login_.peer()->key_fingerprint);
}

void Connection::wait(asio::posix::stream_descriptor::wait_type type, bool& waiting) {
  if (std::exchange(waiting, true)) return;
  descriptor_.async_wait(type, [self = shared_from_this(), &waiting](const boost::system::error_code& error) {
    waiting = false;
    if (error != asio::error::operation_aborted) self->turn();
  });
}

void Connection::arm(bool again) {
  if (again) {
    if (std::exchange(again_, true)) return;
    asio::post(context_, [self = shared_from_this()] {
      self->again_ = false;
      self->turn();
    });
    return;
  }
  wait(asio::posix::stream_descriptor::wait_read, reading_);
  if ((ssh_get_status(session_.get()) & SSH_WRITE_PENDING) != 0)
    wait(asio::posix::stream_descriptor::wait_write, writing_);
}

void Connection::arm_timer() {
  const milliseconds unresponsive = seconds(limits_.unresponsive_seconds);
  Clock::time_point when = active_ + seconds(limits_.idle_seconds);
  when = std::min({when, heard_ + unresponsive, std::max(heard_, asked_) + unresponsive / kQuestions});
  if (!login_.peer()) when = started_ + seconds(limits_.login_seconds);
  if (closing_ != Clock::time_point{}) when = closing_ + kLinger;
  timer_.expires_at(when);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (error || self->ended_) return;
    try {
      self->time_is_up();
    } catch (const std::exception&) {
      if (!self->ended_) self->arm_timer();  // without it nothing would end a silent client's session
      throw;
    }
  });
}

void Connection::time_is_up() {
  const Clock::time_point now = Clock::now();
  const milliseconds unresponsive = seconds(limits_.unresponsive_seconds);
  if (!login_.peer()) return refuse(Refusal::deadline);
  if (closing_ != Clock::time_point{}) return stop("the client hung up");
  if (channel_ && channel_->owes_answer()) active_ = now;
  if (now - active_ >= seconds(limits_.idle_seconds)) return stop("it was idle");
  if (now - heard_ >= unresponsive) return stop("the client did not answer");
  if (now - std::max(heard_, asked_) >= unresponsive / kQuestions) {
    asked_ = now;
    ask();
  }
  if (!ended_) arm_timer();
}

void Connection::listen() {
  if (counter_.in_bytes == heard_bytes_) return;
  heard_bytes_ = counter_.in_bytes;
  heard_ = Clock::now();
}

// By a keepalive@openssh.com, whose answer shows as bytes. libssh sends none while one is unanswered; and the
// call after an answer only takes note of it, so that a second one is needed to ask.
void Connection::ask() {
  const std::uint64_t before = packets_.out_packets;
  ssh_send_keepalive(session_.get());
  if (packets_.out_packets == before) ssh_send_keepalive(session_.get());
  turn();
}

void Connection::refuse(Refusal why) {
  refusal_ = why;
  stop("refused: " + to_string(why));
}

void Connection::stop(const std::string& reason) noexcept {
  if (std::exchange(ended_, true)) return;
  const auto self = shared_from_this();
  exchanged_ = ssh_get_kex_algo(session_.get()) != nullptr;
  const char* const banner = ssh_get_clientbanner(session_.get());
  spoke_ssh_ = banner != nullptr && std::string_view(banner).starts_with("SSH-2.0-");
  boost::system::error_code ignored;
  timer_.cancel();
  descriptor_.close(ignored);
  if (channel_) channel_->end();
  if (ssh_is_connected(session_.get())) ssh_disconnect(session_.get());
  ssh_event_remove_session(event_.get(), session_.get());
  event_.reset();
  session_.reset();
  try {
    tell_end(text::printable(reason));
  } catch (const std::exception&) {  // a log that fails must not keep a session alive
  }
  try {
    if (admission_.ended) admission_.ended();
  } catch (const std::exception&) {
  }
}

void Connection::tell_end(const std::string& reason) {
  if (login_.peer()) {
    hooks_.log("the session of " + text::printable(login_.peer()->user) + " from " + address_ +
               " ended: " + reason);
    return;
  }
  hooks_.log("the connection from " + address_ + " ended before a login: " + reason);
  const bool hung_up = !failure_.empty();
  if (hung_up && !refusal_ && !exchanged_ && counter_.in_bytes > 0) refusal_ = Refusal::key_exchange;
  if (refusal_) hooks_.refused_before_login(address_, *refusal_);
  // An SSH client that goes before keys are exchanged has asked for the host key only, as ssh-keyscan does,
  // or has no algorithm in common: that costs what hanging up costs.
  const auto blamed = refusal_ == Refusal::key_exchange && spoke_ssh_ ? std::nullopt : refusal_;
  if ((refusal_ || (hung_up && exchanged_)) && admission_.not_logged_in) admission_.not_logged_in(blamed);
}

}  // namespace

struct Ssh::Impl {
  Shared shared;
  BindHandle bind;
  std::mutex mutex;  // libssh's bind is not thread-safe
};

namespace {

void set(ssh_bind bind, ssh_bind_options_e option, const void* value) {
  if (ssh_bind_options_set(bind, option, value) != SSH_OK)
    throw Error(std::string("libssh does not take its settings: ") + ssh_get_error(bind) + ".");
}

}  // namespace

Ssh::Ssh(const HostKey& key, const hub::Limits& limits, hub::Algorithms profile, Hooks hooks)
    : impl_(std::make_unique<Impl>()) {
  const auto& offered = profile == hub::Algorithms::strict ? algorithms::kStrict : algorithms::kCompatible;
  if (ssh_init() != SSH_OK) throw Error("libssh could not be set up.");
  impl_->shared = {limits, profile, std::move(hooks)};
  impl_->bind.reset(ssh_bind_new());
  ssh_bind bind = impl_->bind.get();
  if (bind == nullptr) throw Error("libssh could not be set up.");
  const bool read_configuration = false;
  set(bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, &read_configuration);
  set(bind, SSH_BIND_OPTIONS_KEY_EXCHANGE, offered.key_exchange);
  set(bind, SSH_BIND_OPTIONS_CIPHERS_C_S, algorithms::kCiphers);
  set(bind, SSH_BIND_OPTIONS_CIPHERS_S_C, algorithms::kCiphers);
  set(bind, SSH_BIND_OPTIONS_HMAC_C_S, offered.macs);
  set(bind, SSH_BIND_OPTIONS_HMAC_S_C, offered.macs);
  set(bind, SSH_BIND_OPTIONS_PUBKEY_ACCEPTED_KEY_TYPES, algorithms::kPublicKeys);
  set(bind, SSH_BIND_OPTIONS_HOSTKEY_ALGORITHMS, algorithms::kHostKeys);
  set(bind, SSH_BIND_OPTIONS_RSA_MIN_SIZE, &algorithms::kSmallestRsa);
  set(bind, SSH_BIND_OPTIONS_BANNER, algorithms::kBanner);
  KeyHandle copy(ssh_key_dup(key.key().handle.get()));
  set(bind, SSH_BIND_OPTIONS_IMPORT_KEY, copy.get());
  (void)copy.release();  // libssh has taken it
}

Ssh::~Ssh() = default;

std::function<void()> Ssh::serve(boost::asio::io_context& context, int socket, std::string address,
                                 Admission admission) {
  SessionHandle session(ssh_new());
  const int duplicate = session == nullptr ? -1 : fcntl(socket, F_DUPFD_CLOEXEC, 0);
  if (duplicate < 0) {
    close(socket);
    throw Error("There is no memory or descriptor left for a session.");
  }
  // Before the login compression would be an attack surface, after it a bomb.
  ssh_options_set(session.get(), SSH_OPTIONS_COMPRESSION, "none");  // "no" only prefers it
  int accepted = SSH_ERROR;
  {
    const std::lock_guard lock(impl_->mutex);
    accepted = ssh_bind_accept_fd(impl_->bind.get(), session.get(), socket);
  }
  if (accepted != SSH_OK) {
    close(duplicate);
    throw Error("libssh could not take a connection.");
  }
  const auto connection = std::make_shared<Connection>(context, std::move(session), duplicate, impl_->shared,
                                                       std::move(address), std::move(admission));
  std::function<void()> end = [weak = std::weak_ptr(connection), &context] {
    asio::post(context, [weak] {
      if (const auto alive = weak.lock()) alive->stop("the hub is stopping");
    });
  };
  connection->start();
  return end;
}

}  // namespace chancery::session
