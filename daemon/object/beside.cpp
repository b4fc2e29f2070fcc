#include "daemon/object/beside.h"

#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/system_context.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/asio/use_future.hpp>

namespace chancery::object {

namespace asio = boost::asio;

Beside::~Beside() {
  if (under_way_.valid()) under_way_.wait();
}

void Beside::prepare() { asio::system_executor().context(); }

void Beside::run(std::function<void()> work) {
  wait();
  under_way_ = asio::post(asio::system_executor(), asio::use_future(std::move(work)));
}

void Beside::wait() {
  if (under_way_.valid()) under_way_.get();
}

}  // namespace chancery::object
