#include "daemon/net/introductions.h"

#include <array>
#include <chrono>
#include <set>
#include <utility>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>

#include "daemon/net/proxy_header.h"

namespace chancery::net {
namespace {

namespace asio = boost::asio;
using Code = boost::system::error_code;

constexpr std::chrono::seconds kDeadline{5};

}  // namespace

struct Introductions::Impl {
  struct One {
    One(asio::io_context& context, Socket socket, std::string from)
        : stream(context, socket.release()), timer(context), address(std::move(from)) {}

    asio::posix::stream_descriptor stream;
    asio::steady_timer timer;
    std::string address;  // of the balancer
    std::array<std::uint8_t, kProxyPrefixBytes> prefix{};
    std::vector<std::uint8_t> rest;
  };
  using Handle = std::shared_ptr<One>;

  void read_prefix(const Handle& one);
  void read_rest(const Handle& one);
  void introduce(const Handle& one);
  void end(const Handle& one, bool refused);

  asio::io_context& context;
  const std::uint32_t most;
  const Heard heard;
  std::set<Handle> waiting;
};

Introductions::Introductions(asio::io_context& context, std::uint32_t most, Heard heard)
    : impl_(new Impl{context, most, std::move(heard), {}}) {}

Introductions::~Introductions() = default;

void Introductions::begin(Socket socket, const std::string& address) {
  if (impl_->waiting.size() >= impl_->most) return impl_->heard.refused(address);
  const auto one = std::make_shared<Impl::One>(impl_->context, std::move(socket), address);
  impl_->waiting.insert(one);
  one->timer.expires_after(kDeadline);
  one->timer.async_wait([impl = impl_.get(), one](const Code& cancelled) {
    if (!cancelled) impl->end(one, true);
  });
  impl_->read_prefix(one);
}

void Introductions::close() {
  while (!impl_->waiting.empty()) {
    const auto one = *impl_->waiting.begin();
    impl_->end(one, false);
  }
}

void Introductions::Impl::read_prefix(const Handle& one) {
  asio::async_read(one->stream, asio::buffer(one->prefix), [this, one](const Code& error, std::size_t size) {
    if (!waiting.contains(one)) return;
    if (error) return end(one, size > 0);
    read_rest(one);
  });
}

void Introductions::Impl::read_rest(const Handle& one) {
  const auto size = proxy_rest(one->prefix);
  if (!size) return end(one, true);
  one->rest.resize(*size);
  asio::async_read(one->stream, asio::buffer(one->rest), [this, one](const Code& error, std::size_t) {
    if (!waiting.contains(one)) return;
    if (error) return end(one, true);
    introduce(one);
  });
}

void Introductions::Impl::introduce(const Handle& one) {
  const auto source = read_proxy_header(one->prefix, one->rest);
  if (!source) return end(one, true);
  Socket socket(one->stream.release());
  end(one, false);
  heard.introduced(std::move(socket), source->address.value_or(one->address));
}

// One that has given its socket away, or hangs up.
void Introductions::Impl::end(const Handle& one, bool refused) {
  if (waiting.erase(one) == 0) return;
  Code ignored;
  one->timer.cancel();
  one->stream.close(ignored);
  if (refused) heard.refused(one->address);
}

}  // namespace chancery::net
