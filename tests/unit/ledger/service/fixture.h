#pragma once

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ledger/service/frame.h"
#include "ledger/service/server.h"
#include "tests/unit/ledger/log/accepted.h"
#include "tests/unit/temporary_folder.h"

namespace chancery::service {

using log::accepted;

// What only the administrator appends.
inline entry::Event admin_action() {
  entry::Event event;
  event.id = entry::new_id();
  event.name = "admin.action";
  event.plain = {{"action", "reload"}, {"code", "done"}};
  event.committed = {{"account", "root"}, {"detail", ""}};
  return event;
}

// A client that writes what it is told, byte for byte.
class RawClient {
 public:
  explicit RawClient(const std::filesystem::path& path)
      : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.native().copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("connect");
    }
    const timeval patience{5, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~RawClient() { ::close(socket_); }
  RawClient(RawClient&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  RawClient& operator=(RawClient&&) = delete;

  bool send(std::string_view bytes) const {
    return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }
  bool send_now(std::string_view bytes) const {
    return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
  }
  // The next reply; nullopt at the end of the connection.
  std::optional<Reply> receive() const {
    std::array<std::uint8_t, kPrefixBytes> prefix{};
    if (::recv(socket_, prefix.data(), prefix.size(), MSG_WAITALL) != kPrefixBytes) return std::nullopt;
    std::vector<std::uint8_t> body(frame_length(prefix).value_or(0));
    if (::recv(socket_, body.data(), body.size(), MSG_WAITALL) != static_cast<ssize_t>(body.size()))
      return std::nullopt;
    return parse_reply(body);
  }
  bool ended() const { return !receive(); }

 private:
  int socket_;
};

// A ledger served on a socket in a folder of its own.
class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest() {
    folder_ = make_temporary_folder("chancery-service");
    options_.socket = folder_ / "socket";
    options_.hub_uid = options_.admin_uid = ::geteuid();
  }
  ~ServiceTest() override {
    stop();
    std::filesystem::remove_all(folder_);
  }

  void start() {
    log_ = std::make_unique<log::Log>(log::Options{folder_ / "ledger", folder_ / "keys",
                                                   "hub.example.org/ledger", log::Clock::system(),
                                                   store::kMapBytes});
    server_ = std::make_unique<Server>(*log_, options_);
    thread_ = std::thread([this] { server_->run(false); });
  }
  void stop() {
    if (!server_) return;
    server_->stop();
    thread_.join();
    server_.reset();
    log_.reset();
  }

  RawClient greeted(Role role) {
    RawClient client(options_.socket);
    EXPECT_TRUE(client.send(encode(Request{1, Hello{role}})));
    const auto reply = client.receive();
    EXPECT_TRUE(reply && std::holds_alternative<Head>(reply->answer));
    return client;
  }

  std::filesystem::path folder_;
  ServerOptions options_;
  std::unique_ptr<log::Log> log_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

}  // namespace chancery::service
