#include <chrono>
#include <csignal>
#include <filesystem>
#include <initializer_list>
#include <iostream>
#include <memory>
#include <stdexcept>

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "client/cli/child.h"
#include "client/cli/commands.h"
#include "client/cli/options.h"
#include "policies/hub/hub.h"
#include "policies/route/policy.h"

namespace chancery::cli {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kStartDeadline{60};
constexpr std::chrono::seconds kStopDeadline{30};

// Signals as something to wait for; blocked everywhere else from now on.
class Signals {
 public:
  Signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) {
      sigaddset(&set, number);
    }
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    descriptor_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  ~Signals() { ::close(descriptor_); }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  int descriptor() const { return descriptor_; }
  // Which signals have come since the last time.
  struct Taken {
    bool stop = false;  // SIGINT or SIGTERM
    bool hangup = false;
  };
  Taken take() const {
    Taken taken;
    signalfd_siginfo info{};
    while (::read(descriptor_, &info, sizeof(info)) == sizeof(info)) {
      taken.stop = taken.stop || info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM;
      taken.hangup = taken.hangup || info.ssi_signo == SIGHUP;
    }
    return taken;
  }

 private:
  int descriptor_ = -1;
};

// Both daemons, started and stopped in order. Single-threaded.
class Daemons {
 public:
  explicit Daemons(const hub::Hub& settings, std::string directory)
      : settings_(settings), directory_(std::move(directory)) {}

  // Both are ready afterwards; or a stop was asked for before that (false). Throws when one of them fails.
  bool start() {
    const std::string ledger_program = find_program("chancery-ledgerd");
    const std::string hub_program = find_program("chanceryd");
    ledger_ = std::make_unique<Child>(
        "chancery-ledgerd", ledger_program,
        std::vector<std::string>{"--ledger", settings_.ledger, "--keys", settings_.ledger_keys, "--socket",
                                 settings_.ledger_socket, "--origin", settings_.origin});
    if (!await_ready(*ledger_)) {
      return false;
    }
    hub_ =
        std::make_unique<Child>("chanceryd", hub_program, std::vector<std::string>{"--config", directory_});
    return await_ready(*hub_);
  }

  // Until a stop is asked for; throws when a daemon ends before that.
  void serve() {
    for (;;) {
      check_running();  // after every take(), which takes SIGCHLD too
      wait({signals_.descriptor()}, std::chrono::minutes(1));
      const Signals::Taken taken = signals_.take();
      if (taken.stop) {
        return;
      }
      if (taken.hangup) {
        hub_->signal(SIGHUP);
      }
    }
  }

  // The network side first, so that what it has begun can still be recorded. Answers whether both ended well.
  bool stop() {
    bool well = true;
    for (Child* child : {hub_.get(), ledger_.get()}) {
      well = (child == nullptr || stop(*child)) && well;
    }
    return well;
  }

 private:
  static void wait(std::initializer_list<int> descriptors, std::chrono::milliseconds most) {
    std::vector<pollfd> polled;
    for (const int descriptor : descriptors) {
      polled.push_back({descriptor, POLLIN, 0});
    }
    ::poll(polled.data(), polled.size(), static_cast<int>(most.count()));
  }

  bool await_ready(Child& child) {
    const auto deadline = steady_clock::now() + kStartDeadline;
    while (steady_clock::now() < deadline) {
      wait({signals_.descriptor(), child.notifications()}, std::chrono::seconds(1));
      if (signals_.take().stop) {
        return false;
      }
      if (child.take_ready()) {
        return true;
      }
      check_running();
    }
    throw std::runtime_error(child.name() + " was not ready within " +
                             std::to_string(kStartDeadline.count()) + " s. Its messages are above.");
  }

  void check_running() {
    for (Child* child : {ledger_.get(), hub_.get()}) {
      if (child == nullptr) {
        continue;
      }
      if (const auto how = child->ended()) {
        throw std::runtime_error(child->name() + " " + *how + ". Its messages are above.");
      }
    }
  }

  // Asks once, insists when a second stop is asked for or after the deadline.
  bool stop(Child& child) {
    if (child.ended()) {
      return child.ended_well();
    }
    child.signal(SIGTERM);
    const auto deadline = steady_clock::now() + kStopDeadline;
    while (!child.ended()) {
      wait({signals_.descriptor()}, std::chrono::milliseconds(100));
      if (signals_.take().stop || steady_clock::now() > deadline) {
        child.signal(SIGKILL);
      }
    }
    if (!child.ended_well()) {
      std::cerr << "chancery: " << child.name() << " " << *child.ended() << " when it was stopped.\n";
    }
    return child.ended_well();
  }

  const hub::Hub& settings_;
  std::string directory_;
  Signals signals_;
  std::unique_ptr<Child> ledger_;
  std::unique_ptr<Child> hub_;
};

hub::Hub load(const fs::path& directory) {
  toml::Mistakes mistakes;
  auto settings = hub::load_hub(directory, mistakes);
  if (!settings || !route::load_policy(directory, settings->timezone, mistakes)) {
    for (const toml::Mistake& mistake : mistakes) {
      std::cerr << mistake.text() << "\n";
    }
    throw std::runtime_error(
        "the configuration in " + directory.string() +
        " has the mistakes above; nothing was started. `chancery init DIR` writes one that works.");
  }
  return std::move(*settings);
}

// What an installed hub finds made by systemd.
void make_folders(const hub::Hub& settings) {
  for (const fs::path& folder : {settings.objects, settings.policies, settings.ledger, settings.ledger_keys,
                                 settings.ledger_socket.parent_path(), settings.host_key.parent_path()}) {
    if (fs::create_directories(folder)) {
      fs::permissions(folder, fs::perms::owner_all);
    }
  }
}

void say_ready(const hub::Hub& settings, const fs::path& directory) {
  const bool six = settings.listen_address.find(':') != std::string::npos;
  std::cout << "chancery: the hub " << settings.origin << " is ready on " << (six ? "[" : "")
            << settings.listen_address << (six ? "]" : "") << " port " << settings.listen_port;
  const fs::path ssh_config = directory / "clients" / "ssh_config";
  if (fs::exists(ssh_config)) {
    std::cout << "; connect with: sftp -F " << ssh_config.string() << " moorvale-acute";
  }
  std::cout << "; stop with Ctrl-C" << std::endl;
}

}  // namespace

int run(Arguments arguments) {
  auto options =
      options_of(arguments, "DIR",
                 "Runs both daemons on the configuration in DIR, in the foreground, as this user, until "
                 "Ctrl-C. SIGHUP makes the hub read its policy again.");
  options.add_options("hidden")("directory", "", cxxopts::value<std::string>());
  options.parse_positional({"directory"});
  const auto parsed = parse(options, arguments, "chancery run /tmp/hub");
  if (!parsed) {
    return kOk;
  }
  if (parsed->count("directory") == 0) {
    throw std::invalid_argument("which directory? Name one that `chancery init` made.");
  }
  const fs::path directory = (*parsed)["directory"].as<std::string>();
  const hub::Hub settings = load(directory);
  make_folders(settings);
  Daemons daemons(settings, directory);
  try {
    if (daemons.start()) {
      say_ready(settings, directory);
      daemons.serve();
    }
  } catch (...) {
    daemons.stop();
    throw;
  }
  return daemons.stop() ? kOk : kFailed;
}

}  // namespace chancery::cli
