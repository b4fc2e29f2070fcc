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
  // What is thrown is handed over as a value, so that its last owner is who waits for it: the future's own
  // exception may be freed by the thread that it came from while it is read here.
  under_way_ =
      asio::post(asio::system_executor(), asio::use_future([work = std::move(work)]() -> std::exception_ptr {
                   try {
                     work();
                   } catch (...) {
                     return std::current_exception();
                   }
                   return nullptr;
                 }));
}

void Beside::wait() {
  if (!under_way_.valid()) return;
  if (const std::exception_ptr thrown = under_way_.get()) std::rethrow_exception(thrown);
}

}  // namespace chancery::object
