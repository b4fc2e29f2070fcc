#include "daemon/start/start.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <systemd/sd-daemon.h>

#include "daemon/config/config.h"
#include "daemon/net/admission.h"
#include "daemon/net/server.h"
#include "daemon/net/signals.h"
#include "daemon/start/auditing.h"
#include "daemon/start/follower.h"
#include "daemon/start/past.h"
#include "daemon/tree/tree.h"
#include "policies/calendar/civil_date.h"
#include "policies/text/unseen.h"

namespace chancery::start {

namespace {

constexpr int kStopped = 0;
constexpr int kMistakes = 2;
constexpr std::chrono::seconds kAppendDeadline{30};
constexpr unsigned kLeastWorkers = 4;  // several, because a worker waits for the disk

// One line on stderr; under systemd with its priority, so that journald files it.
void log(const std::string& sentence) {
  static std::mutex mutex;
  static const bool journal = std::getenv("JOURNAL_STREAM") != nullptr;
  const std::lock_guard lock(mutex);
  std::cerr << (journal ? "<6>" : "chanceryd: ") << text::printable(sentence) << std::endl;
}

entry::Micros now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void print(const toml::Mistakes& mistakes) {
  for (const toml::Mistake& mistake : mistakes) std::cerr << text::printable(mistake.text()) << "\n";
}

transfer::Ledger ledger_of(service::Client& client) {
  return {[&client](std::vector<entry::Event> batch, std::function<void(service::Appended)> done) {
            client.submit(std::move(batch), kAppendDeadline, std::move(done));
          },
          [&client] {
            try {
              return client.head().writable;
            } catch (const service::Unavailable&) {
              return false;
            }
          }};
}

// Reading from the ledger blocks while it does not answer, and workers are few: it is not asked again until
// the exchange, which looks each second, has found that it does.
tree::Evidence evidence_of(service::Client& client, const transfer::Exchange& exchange) {
  const auto asking = [&client, &exchange]() -> service::Client& {
    if (!exchange.ledger_answers()) throw service::Unavailable("the ledger does not answer");
    return client;
  };
  return {[asking](std::uint64_t from, std::uint32_t count) { return asking().entries(from, count, true); },
          [asking](std::uint64_t seq, std::uint64_t size) { return asking().inclusion(seq, size); },
          [asking] { return asking().checkpoint(); },
          [asking](std::uint64_t size) -> std::optional<std::string> {
            auto found = asking().checkpoints(size, 0, 1);
            return found.empty() ? std::nullopt : std::optional(std::move(found.front().note));
          }};
}

bool knows_key(const route::Policy& policy, const std::string& user, const std::string& base64) {
  const auto login = policy.find_login(user);
  if (!login) return false;
  const auto& keys = login->account->keys;
  return std::any_of(keys.begin(), keys.end(), [&](const auto& key) { return key.base64 == base64; });
}

session::Served serve_account(tree::Hub& hub, const session::Peer& peer) {
  const auto policy = hub.exchange.policy();
  const auto login = policy->find_login(peer.user);
  if (!login) throw std::runtime_error("the account was withdrawn between its log-in and its session");
  auto served = std::make_shared<tree::Tree>(
      hub, transfer::Caller{peer.user, login->agency->id, peer.key_fingerprint, peer.address});
  served->take_seat();
  return {[served](sftp::Request request, session::Answer answer) {
            served->serve(std::move(request), std::move(answer));
          },
          [served](const std::vector<sftp::HandleId>& open) { served->ended(open); }};
}

session::Hooks hooks_of(tree::Hub& hub) {
  return {[&hub](const std::string& user, const std::string&, const std::string& base64) {
            return knows_key(*hub.exchange.policy(), user, base64);
          },
          [&hub](const session::Peer& peer) { return serve_account(hub, peer); },
          [&hub](const std::string& address, session::Refusal refusal) {
            hub.exchange.refused_at_door(net::source_of(address), session::to_string(refusal));
          },
          log};
}

// What README.txt says of the key that will replace the host key, as it was read last. Thread-safe.
class Announcement {
 public:
  explicit Announcement(std::filesystem::path host_key) : host_key_(std::move(host_key)) {}

  // A file that holds no key announces nothing, and the log says so.
  void read() {
    std::string text;
    try {
      if (const auto coming = session::coming_host_key(host_key_)) {
        text = "It will be replaced by the key " + coming->fingerprint +
               ". Add that one to what your client trusts, and keep the\npresent one until then; in "
               "known_hosts, after this hub's name: " +
               coming->public_line + "\n";
        log("the host key's successor " + coming->fingerprint + " is announced in README.txt");
      }
    } catch (const session::Error& error) {
      log(error.what());
    }
    const std::lock_guard lock(mutex_);
    text_ = std::move(text);
  }
  std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  const std::filesystem::path host_key_;
  mutable std::mutex mutex_;
  std::string text_;
};

// A session holds two; nothing here uses select(), for which most systems keep the soft limit low.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

// SIGHUP: all of the new policy or nothing of it. What else chancery.toml says needs a restart.
void reload(const std::filesystem::path& directory, const config::Config& running,
            transfer::Exchange& exchange) {
  ::sd_notify(0, "RELOADING=1");
  toml::Mistakes mistakes;
  const auto loaded = config::load(directory, mistakes);
  if (!loaded) {
    for (const toml::Mistake& mistake : mistakes) log(mistake.text());
    log("reload refused: " + std::to_string(mistakes.size()) + " mistakes; the policy in force is unchanged");
  } else if (loaded->hub.origin != running.hub.origin) {
    log("reload refused: the origin in chancery.toml has changed; the policy in force is unchanged");
  } else {
    try {
      exchange.activate(loaded->policy);
      log("reloaded");
    } catch (const std::exception& error) {
      log(std::string("reload refused: ") + error.what());
    }
  }
  ::sd_notify(0, "READY=1");
}

// The end of the hub, however it comes: what is under way is given up, and what the ledger was asked is
// completed while the exchange is still there to hear it.
struct Ending {
  transfer::Exchange& exchange;
  std::unique_ptr<service::Client>& client;

  ~Ending() {
    exchange.stop();
    client.reset();
    log("stopped");
  }
};

}  // namespace

int check(const std::filesystem::path& directory) {
  toml::Mistakes mistakes;
  const auto loaded = config::load(directory, mistakes);
  print(mistakes);
  if (!loaded) return kMistakes;
  std::cout << "the configuration has no mistakes; policy " << loaded->policy->hash << "\n";
  return kStopped;
}

int serve(const std::filesystem::path& directory) {
  toml::Mistakes mistakes;
  const auto config = config::load(directory, mistakes);
  print(mistakes);
  if (!config) return kMistakes;
  const hub::Hub& settings = config->hub;
  net::Signals signals;  // before any thread
  raise_descriptor_limit();

  const auto key = session::load_or_make_host_key(settings.host_key);
  auto client = std::make_unique<service::Client>(settings.ledger_socket, service::Role::hub);
  const service::Head head = wait_for_ledger(*client, settings.origin, log);
  transfer::Exchange exchange({settings.objects, settings.policies, settings.temporary_suffixes,
                               std::max(kLeastWorkers, 2 * std::thread::hardware_concurrency())},
                              ledger_of(*client), past_of(*client, head), now, log);
  Auditing auditing(settings.ledger_socket, settings.policies.parent_path() / "audit", settings.policies,
                    log);
  Announcement announcement(settings.host_key);
  announcement.read();
  tree::Hub hub{
      exchange,
      {settings.name, settings.origin, key.fingerprint(), [&] { return announcement.text(); },
       [&](entry::Micros time) { return calendar::civil_time(settings.timezone, time / 1'000'000); }},
      {},
      tree::Receipts(evidence_of(*client, exchange)),
      &auditing.audit()};
  const Ending ending{exchange, client};
  const Follower follower([&] {
    if (exchange.ledger_answers()) hub.receipts.catch_up(exchange, client->head().size);
  });
  exchange.activate(config->policy);
  {
    net::Server server({settings.listen_address, settings.listen_port, settings.io_threads, settings.limits,
                        settings.proxy_listen, settings.algorithms},
                       key, hooks_of(hub), [&exchange](const std::string& address) {
                         return exchange.policy()->networks.find(address);
                       });
    server.start();
    ::sd_notify(0, "READY=1");
    log("ready on " + settings.listen_address + " port " + std::to_string(server.port()) + ", host key " +
        key.fingerprint() + ", policy " + config->policy->hash + ", ledger of " + std::to_string(head.size) +
        " entries");
    if (settings.proxy_listen)
      log("listening for load balancers on " + settings.proxy_listen->address + " port " +
          std::to_string(server.proxy_port()));
    signals.wait_for_stop([&] {
      announcement.read();
      reload(directory, *config, exchange);
    });
    ::sd_notify(0, "STOPPING=1");
    auditing.stop();
    server.stop();
  }
  return kStopped;
}

}  // namespace chancery::start
