// Many clients in one process, for the tests of the door and for the benchmark:
//   crowd PORT USER KEY COUNT              logs COUNT clients in one after another, each asking for SFTP
//   crowd PORT USER KEY COUNT stranger     the same, but each stops after the key exchange
//   crowd PORT USER KEY COUNT unfinished BYTES
//                                          the same as strangers, but each has sent so much of a packet that
//                                          is longer
//   crowd PORT USER KEY COUNT log-ins THREADS EXCHANGE
//                                          COUNT whole sessions on THREADS at once, by this key exchange:
//                                          each logs in, asks for SFTP, waits for the server's version and
//                                          ends
// The first three say "ready" when all are there, and hold them until their input ends; the last says how
// many seconds it took.
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <libssh/libssh.h>
#include <sys/resource.h>
#include <sys/socket.h>

namespace {

struct Release {
  void operator()(ssh_session session) const noexcept { ssh_free(session); }
  void operator()(ssh_key key) const noexcept { ssh_key_free(key); }
};
using Session = std::unique_ptr<ssh_session_struct, Release>;
using Key = std::unique_ptr<ssh_key_struct, Release>;

struct Server {
  int port = 0;
  std::string user, key_file;
  std::string exchange = {};  // empty: libssh's choice
  std::string cipher = {};    // the same
};

Session connect(const Server& server) {
  Session session(ssh_new());
  const bool read_configuration = false;
  ssh_options_set(session.get(), SSH_OPTIONS_PROCESS_CONFIG, &read_configuration);
  ssh_options_set(session.get(), SSH_OPTIONS_HOST, "127.0.0.1");
  ssh_options_set(session.get(), SSH_OPTIONS_PORT, &server.port);
  ssh_options_set(session.get(), SSH_OPTIONS_USER, server.user.c_str());
  if (!server.exchange.empty()) {
    const int at_once = 1;  // else each small packet may wait for the one before to be acknowledged
    ssh_options_set(session.get(), SSH_OPTIONS_NODELAY, &at_once);
    if (ssh_options_set(session.get(), SSH_OPTIONS_KEY_EXCHANGE, server.exchange.c_str()) != SSH_OK)
      return nullptr;
  }
  if (!server.cipher.empty() &&
      ssh_options_set(session.get(), SSH_OPTIONS_CIPHERS_C_S, server.cipher.c_str()) != SSH_OK)
    return nullptr;
  return ssh_connect(session.get()) == SSH_OK ? std::move(session) : nullptr;
}

Key read_key(const Server& server) {
  ssh_key key = nullptr;
  ssh_pki_import_privkey_file(server.key_file.c_str(), nullptr, nullptr, nullptr, &key);
  return Key(key);
}

// The channel is freed with its session.
ssh_channel ask_for_sftp(ssh_session session, ssh_key key) {
  if (ssh_userauth_publickey(session, nullptr, key) != SSH_AUTH_SUCCESS) return nullptr;
  ssh_channel channel = ssh_channel_new(session);
  const bool asked = channel != nullptr && ssh_channel_open_session(channel) == SSH_OK &&
                     ssh_channel_request_subsystem(channel, "sftp") == SSH_OK;
  return asked ? channel : nullptr;
}

bool whole_session(const Server& server, ssh_key key) {
  const Session session = connect(server);
  ssh_channel channel = session ? ask_for_sftp(session.get(), key) : nullptr;
  if (channel == nullptr) return false;
  constexpr std::array<unsigned char, 9> kInit{0, 0, 0, 5, 1, 0, 0, 0, 3};
  std::array<char, 4096> version{};
  const bool served = ssh_channel_write(channel, kInit.data(), kInit.size()) == int{kInit.size()} &&
                      ssh_channel_read(channel, version.data(), version.size(), 0) >= int{kInit.size()};
  ssh_disconnect(session.get());
  return served;
}

int log_in_often(const Server& server, int count, int threads) {
  std::atomic<int> left{count}, failed{0};
  const auto begun = std::chrono::steady_clock::now();
  std::vector<std::thread> all;
  all.reserve(static_cast<std::size_t>(threads));
  for (int i = 0; i < threads; ++i) {
    all.emplace_back([&] {
      const Key key = read_key(server);
      while (left-- > 0) failed += whole_session(server, key.get()) ? 0 : 1;
    });
  }
  for (std::thread& each : all) each.join();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begun;
  std::printf("%.6f\n", seconds.count());
  if (failed != 0) std::fprintf(stderr, "%d of %d log-ins failed\n", failed.load(), count);
  return failed == 0 ? 0 : 1;
}

// The beginning of a packet of the greatest length; its cipher is one that sends the length in the clear.
bool begin_packet(ssh_session session, std::size_t size) {
  std::string packet("\x00\x03\xff\xf0", 4);
  packet.resize(size);
  std::size_t sent = 0;
  while (sent < size) {
    const ssize_t count = ::send(ssh_get_fd(session), packet.data() + sent, size - sent, MSG_NOSIGNAL);
    if (count > 0) {
      sent += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    } else {
      return false;
    }
  }
  return true;
}

int hold(const Server& server, int count, bool strangers, std::size_t unfinished) {
  const Key key = read_key(server);
  std::vector<Session> sessions;
  for (; count > 0; --count) {
    Session session = connect(server);
    if (!session || (!strangers && ask_for_sftp(session.get(), key.get()) == nullptr) ||
        (unfinished > 0 && !begin_packet(session.get(), unfinished))) {
      std::fprintf(stderr, "%d connections were left to make\n", count);
      return 1;
    }
    sessions.push_back(std::move(session));
  }
  std::puts("ready");
  std::fflush(stdout);
  while (std::getchar() != EOF) continue;
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 5 || ssh_init() != SSH_OK) return 2;
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  Server server{std::stoi(arguments[1]), arguments[2], arguments[3]};
  if (!read_key(server)) return 2;
  const int clients = std::stoi(arguments[4]);
  const std::string_view how = count > 5 ? arguments[5] : "";
  if (how == "unfinished" && count > 6) {
    server.cipher = "aes256-gcm@openssh.com";
    return hold(server, clients, true, std::stoul(arguments[6]));
  }
  if (how != "log-ins") return hold(server, clients, how == "stranger", 0);
  if (count < 8) return 2;
  server.exchange = arguments[7];
  return log_in_often(server, clients, std::stoi(arguments[6]));
}
