#include "daemon/net/listener.h"

#include <chrono>
#include <new>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "daemon/net/rarely.h"
#include "daemon/net/server.h"

namespace chancery::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Code = boost::system::error_code;

constexpr std::chrono::seconds kPause{1};  // after running out of descriptors or memory

bool is_want(const Code& error) {
  return error == asio::error::no_descriptors || error == asio::error::no_memory ||
         error == asio::error::no_buffer_space || error == boost::system::errc::too_many_files_open_in_system;
}

std::string text_of(const asio::ip::address& address) {
  const bool mapped = address.is_v6() && address.to_v6().is_v4_mapped();
  if (mapped) return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  return address.to_string();
}

}  // namespace

struct Listener::Impl {
  Impl(asio::io_context& context, Accepted given, std::function<void(const std::string&)> to_log)
      : acceptor(context), timer(context), accepted(std::move(given)), log(std::move(to_log)) {}

  void accept();
  void accept_again();
  void hand_over(tcp::socket socket, const tcp::endpoint& from) const;
  void pause(const Code& error);

  tcp::acceptor acceptor;
  asio::steady_timer timer;
  Accepted accepted;
  std::function<void(const std::string&)> log;
  Rarely want;
  std::weak_ptr<tcp::endpoint> accepting;  // while a connection is waited for
  bool pausing = false;
};

Listener::Listener(asio::io_context& context, const std::string& address, std::uint16_t port,
                   Accepted accepted, std::function<void(const std::string&)> log)
    : impl_(std::make_unique<Impl>(context, std::move(accepted), std::move(log))) {
  Code error;
  const auto ip = asio::ip::make_address(address, error);
  if (error) throw Error("\"" + address + "\" is not an IP address to listen on.");
  const tcp::endpoint endpoint(ip, port);
  tcp::acceptor& acceptor = impl_->acceptor;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error)
    throw Error("The hub cannot listen on " + address + " port " + std::to_string(port) + ": " +
                error.message() + ". Is another server running there?");
}

Listener::~Listener() = default;

std::uint16_t Listener::port() const { return impl_->acceptor.local_endpoint().port(); }

void Listener::start() { impl_->accept(); }

void Listener::resume() {
  if (impl_->acceptor.is_open() && !impl_->pausing && impl_->accepting.expired()) impl_->accept_again();
}

void Listener::close() {
  Code ignored;
  impl_->acceptor.close(ignored);
  impl_->timer.cancel();
}

void Listener::Impl::accept() {
  auto from = std::make_shared<tcp::endpoint>();
  accepting = from;
  acceptor.async_accept(*from, [this, from](const Code& error, tcp::socket socket) {
    if (error == asio::error::operation_aborted || !acceptor.is_open()) return;
    if (is_want(error)) return pause(error);
    accept_again();
    if (!error) hand_over(std::move(socket), *from);
  });
}

// A listener that does not wait for connections would never do so again.
void Listener::Impl::accept_again() {
  try {
    accept();
  } catch (const std::bad_alloc&) {
    pause(asio::error::no_memory);
  }
}

void Listener::Impl::hand_over(tcp::socket socket, const tcp::endpoint& from) const {
  Code error;
  socket.native_non_blocking(true, error);
  if (error) return;
  Socket descriptor(socket.release(error));
  if (!error) accepted(std::move(descriptor), text_of(from.address()));
}

void Listener::Impl::pause(const Code& error) {
  if (want.begins())
    log("No connection can be accepted for now: " + error.message() + ". It is tried each second.");
  timer.expires_after(kPause);
  timer.async_wait([this](const Code& cancelled) {
    pausing = false;
    if (!cancelled) accept_again();
  });
  pausing = true;
}

}  // namespace chancery::net
