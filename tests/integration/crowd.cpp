// Many clients in one process, for door_test.py: crowd PORT USER KEY COUNT [stranger]. Makes COUNT
// connections one after another and logs each in and asks for SFTP; with "stranger" each stops after the key
// exchange. Says "ready" when all are there, and holds them until its input ends.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <libssh/libssh.h>
#include <sys/resource.h>

namespace {

struct Release {
  void operator()(ssh_session session) const noexcept { ssh_free(session); }
  void operator()(ssh_key key) const noexcept { ssh_key_free(key); }
};
using Session = std::unique_ptr<ssh_session_struct, Release>;
using Key = std::unique_ptr<ssh_key_struct, Release>;

Session connect(int port, const char* user) {
  Session session(ssh_new());
  const bool read_configuration = false;
  ssh_options_set(session.get(), SSH_OPTIONS_PROCESS_CONFIG, &read_configuration);
  ssh_options_set(session.get(), SSH_OPTIONS_HOST, "127.0.0.1");
  ssh_options_set(session.get(), SSH_OPTIONS_PORT, &port);
  ssh_options_set(session.get(), SSH_OPTIONS_USER, user);
  return ssh_connect(session.get()) == SSH_OK ? std::move(session) : nullptr;
}

bool ask_for_sftp(ssh_session session, ssh_key key) {
  if (ssh_userauth_publickey(session, nullptr, key) != SSH_AUTH_SUCCESS) return false;
  ssh_channel channel = ssh_channel_new(session);  // freed with its session
  return channel != nullptr && ssh_channel_open_session(channel) == SSH_OK &&
         ssh_channel_request_subsystem(channel, "sftp") == SSH_OK;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 5) return 2;
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  const bool stranger = count > 5;
  ssh_key read = nullptr;
  if (ssh_pki_import_privkey_file(arguments[3], nullptr, nullptr, nullptr, &read) != SSH_OK) return 2;
  const Key key(read);
  std::vector<Session> sessions;
  for (int left = std::stoi(arguments[4]); left > 0; --left) {
    Session session = connect(std::stoi(arguments[1]), arguments[2]);
    if (!session || (!stranger && !ask_for_sftp(session.get(), key.get()))) {
      std::fprintf(stderr, "%d connections were left to make\n", left);
      return 1;
    }
    sessions.push_back(std::move(session));
  }
  std::puts("ready");
  std::fflush(stdout);
  while (std::getchar() != EOF) continue;
  return 0;
}
