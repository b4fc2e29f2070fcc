#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <sys/types.h>

#include "ledger/log/log.h"
#include "ledger/service/frame.h"

// Private to ledger/service (it needs Asio).
namespace chancery::service {

namespace asio = boost::asio;
using Socket = asio::local::stream_protocol::socket;

// What the connections of one server share.
struct Hall {
  asio::io_context& io;
  log::Log& log;
  // A peer that takes nothing of its replies for so long is ended.
  std::chrono::milliseconds read_within;
  // Whether a peer of this uid may say hello in this role.
  std::function<bool(Role, uid_t)> admits;
  // Ends the connection that has this role, if there is one, and gives the role to the new one.
  std::function<void(Role, const std::shared_ptr<class Connection>&)> takes_role;
  std::function<void(const Connection*)> gone;
};

// One client. Lives on the serving thread; what the log completes comes back to it through the io_context.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Hall& hall, Socket socket, uid_t peer);

  void start(std::chrono::milliseconds hello_within);
  // Takes nothing more and sends what is due; the connection closes when that is sent.
  void finish();
  // Closes at once: whatever it is still owed is not sent.
  void end(const char* why);
  bool idle() const { return unanswered_ == 0 && sending_.empty() && waiting_.empty(); }

 private:
  void read_prefix();
  void read_body(std::size_t length);
  void serve(Request request);
  void answer(std::uint64_t id, const Hello& hello);
  void answer(std::uint64_t id, Append& append);
  void answer(std::uint64_t id, const GetHead&);
  void answer(std::uint64_t id, const GetEntries& range);
  void answer(std::uint64_t id, const Find& find);
  void answer(std::uint64_t id, const GetInclusion& proof);
  void answer(std::uint64_t id, const GetConsistency& proof);
  void answer(std::uint64_t id, const GetCheckpoint&);
  void answer(std::uint64_t id, const GetCheckpoints& range);
  void answer(std::uint64_t id, const GetHashes& range);
  void answer(std::uint64_t id, const GetKeys&);
  void answer(std::uint64_t id, AddKey& add);
  void answer(std::uint64_t id, RetireKey& retire);
  void answer(std::uint64_t id, RevokeKey& revoke);
  void change_key(std::uint64_t id, log::KeyChange change);
  void answer(std::uint64_t id, const GetHolds&);
  void answer(std::uint64_t id, Erase& erase);
  void answer(std::uint64_t id, HoldChange& change);
  bool may_read_openings() const;
  void reply(std::uint64_t id, Answer answer);
  void reply(std::uint64_t id, const std::function<std::string()>& frame);
  void refuse(std::uint64_t id, std::string reason) { reply(id, Refusal{std::move(reason)}); }
  void send();
  void send_rest(std::size_t sent);
  void let_go_unless_read();
  bool holds_enough() const;
  void go_on();
  Head head() const;

  Hall& hall_;
  Socket socket_;
  asio::steady_timer timer_;  // the hello that is awaited; then, that the peer takes what it asked for
  uid_t peer_;
  std::optional<Role> role_;
  std::array<std::uint8_t, kPrefixBytes> prefix_{};
  std::vector<std::uint8_t> body_;
  std::string sending_, waiting_;
  std::size_t unanswered_ = 0;
  bool reading_ = false;
  bool greeting_ = false;  // hello is being answered: nothing is read until it is
  bool finishing_ = false;
  bool ended_ = false;
};

}  // namespace chancery::service
