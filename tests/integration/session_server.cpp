// Serves SFTP over a map of files in memory, for session_test.py: session_server HOST_KEY ACCOUNTS
// [OPTION=VALUE...]. ACCOUNTS has lines "USER TYPE BLOB". Says on its output what the hooks were told.
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <new>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>

#include "daemon/net/server.h"
#include "daemon/net/signals.h"
#include "daemon/sftp/engine.h"
#include "policies/network/network.h"

#ifdef CHANCERY_STARVING
#include "tests/integration/starving.h"
#else
namespace {
void spare_this_thread() {}
void listen_for_failures() {}
}  // namespace
#endif

namespace {

using namespace chancery;
using namespace chancery::sftp;

constexpr const char* kDeclared = "127.9.0.0/16";  // as if an agency connected from there

void say(const std::string& line) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::puts(line.c_str());
  std::fflush(stdout);
}

// One thread that answers, so that answers come from another thread than the session's.
class Worker {
 public:
  Worker() : thread_([this] { run(); }) {}
  ~Worker() {
    post(nullptr);
    thread_.join();
  }
  void post(std::function<void()> task) {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    more_.notify_one();
  }

 private:
  void run() {
    spare_this_thread();
    for (;;) {
      std::unique_lock lock(mutex_);
      more_.wait(lock, [this] { return !tasks_.empty(); });
      const auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      if (!task) return;
      task();
    }
  }
  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<std::function<void()>> tasks_;
  std::thread thread_;
};

using Files = std::map<std::string, std::vector<std::uint8_t>>;

// The files of one session's handles. Used by the worker only.
class Shelf {
 public:
  Shelf(Files& files, bool sink) : files_(files), sink_(sink) {}

  Reply serve(Request& request) {
    return std::visit([&](auto& operation) { return answer(request.id, operation); }, request.operation);
  }

 private:
  static std::string absolute(const std::string& path) {
    return (std::filesystem::path("/") / path).lexically_normal().string();
  }
  static StatusReply no_such_file() { return {Status::no_such_file, ""}; }
  Reply stat(const std::string& path) const {
    if (path == "/") return AttributesReply{Attributes{.permissions = 040755}};
    const auto found = files_.find(path);
    if (found == files_.end()) return no_such_file();
    return AttributesReply{Attributes{.size = found->second.size(), .permissions = 0100644}};
  }

  Reply answer(std::uint64_t id, Open& open) {
    const std::string path = absolute(open.path);
    if (path == "/forbidden")
      return StatusReply{Status::permission_denied, "This route is\x1b[31m suspended.\n"};
    if (!(open.flags & kCreate) && !files_.contains(path)) return no_such_file();
    if (open.flags & kTruncate) files_[path].clear();
    files_[path];
    open_[Engine::handle_for(id)] = path;
    return OpenedReply{};
  }
  Reply answer(std::uint64_t, Close& close) {
    open_.erase(close.handle);
    return StatusReply{};
  }
  Reply answer(std::uint64_t, Read& read) {
    const auto& bytes = files_[open_[read.handle]];
    if (read.offset >= bytes.size()) return DataReply{};
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(read.offset);
    const auto size = std::min<std::uint64_t>(read.length, bytes.size() - read.offset);
    return DataReply{{begin, begin + static_cast<std::ptrdiff_t>(size)}};
  }
  Reply answer(std::uint64_t, Write& write) {
    if (sink_) return StatusReply{};
    auto& bytes = files_[open_[write.handle]];
    const std::size_t end = static_cast<std::size_t>(write.offset) + write.data.size();
    if (bytes.size() < end) bytes.resize(end);
    std::copy(write.data.begin(), write.data.end(),
              bytes.begin() + static_cast<std::ptrdiff_t>(write.offset));
    return StatusReply{};
  }
  Reply answer(std::uint64_t, Stat& request) { return stat(absolute(request.path)); }
  Reply answer(std::uint64_t, HandleStat& request) { return stat(open_[request.handle]); }
  Reply answer(std::uint64_t id, OpenDirectory& request) {
    if (absolute(request.path) != "/") return no_such_file();
    listed_.erase(Engine::handle_for(id));
    return OpenedReply{true};
  }
  Reply answer(std::uint64_t, ReadDirectory& request) {
    if (!listed_.insert(request.handle).second) return NamesReply{};
    NamesReply names;
    for (const auto& [path, bytes] : files_)
      names.files.push_back({path.substr(1),
                             "-rw-r--r-- 1 hub hub " + std::to_string(bytes.size()) + " " + path,
                             Attributes{.size = bytes.size(), .permissions = 0100644}});
    return names;
  }
  Reply answer(std::uint64_t, Remove& remove) {
    return files_.erase(absolute(remove.path)) > 0 ? StatusReply{} : no_such_file();
  }
  Reply answer(std::uint64_t, Rename& rename) {
    auto node = files_.extract(absolute(rename.from));
    if (node.empty()) return no_such_file();
    files_.erase(absolute(rename.to));
    node.key() = absolute(rename.to);
    files_.insert(std::move(node));
    return StatusReply{};
  }
  Reply answer(std::uint64_t, RealPath& request) {
    return NamesReply{{NamedFile{absolute(request.path), absolute(request.path), {}}}};
  }
  Reply answer(std::uint64_t, StatFileSystem&) { return FileSystemReply{}; }
  template <typename Other>
  Reply answer(std::uint64_t, Other&) {
    return StatusReply{};
  }

  Files& files_;
  const bool sink_;
  std::map<HandleId, std::string> open_;
  std::set<HandleId> listed_;
};

std::map<std::string, std::uint32_t> read_options(char** begin, char** end) {
  std::map<std::string, std::uint32_t> options;
  for (char** each = begin; each != end; ++each) {
    const std::string option = *each;
    const std::size_t equals = option.find('=');
    options[option.substr(0, equals)] = static_cast<std::uint32_t>(std::stoul(option.substr(equals + 1)));
  }
  return options;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) return 2;
  net::Signals signals;  // before any thread
  spare_this_thread();
  listen_for_failures();
  auto options = read_options(arguments + 3, arguments + count);
  std::set<std::tuple<std::string, std::string, std::string>> keys;
  std::ifstream accounts(arguments[2]);
  for (std::string user, type, blob; accounts >> user >> type >> blob;) keys.emplace(user, type, blob);

  net::Settings settings{.address = "127.0.0.1", .port = 0, .io_threads = 2, .limits = {}};
  const auto set = [&](const char* name, std::uint32_t& value) {
    if (options.contains(name)) value = options[name];
  };
  set("io_threads", settings.io_threads);
  set("login_seconds", settings.limits.login_seconds);
  set("idle_seconds", settings.limits.idle_seconds);
  set("unresponsive_seconds", settings.limits.unresponsive_seconds);
  set("attempts", settings.limits.attempts);
  set("unauthenticated", settings.limits.unauthenticated);
  set("connections_per_source", settings.limits.connections_per_source);
  set("sessions_per_account", settings.limits.sessions_per_account);
  set("reserved", settings.limits.reserved);
  set("ban_seconds", settings.limits.ban_seconds);

  if (options["compatible"] != 0) settings.algorithms = hub::Algorithms::compatible;
  if (options["proxies"] != 0)
    settings.proxy_listen = {"127.0.0.1", 0, {*network::Network::parse("127.8.0.0/16")}};

  Files files;
  if (options.contains("file_mib")) files["/file"].resize(std::size_t{options["file_mib"]} * 1024 * 1024);
  Worker worker;
  session::Hooks hooks;
  // With throwing=N, the Nth of these has no memory left when it comes to bob.
  enum { kKnowsKey = 1, kLoggedIn, kRequest, kEnded, kLog, kRefused };
  const auto fail_for = [throwing = options["throwing"]](std::uint32_t hook, std::string_view who) {
    if (throwing == hook && who.find("bob") != std::string_view::npos) throw std::bad_alloc();
  };
  // With betraying=N, it takes N microseconds longer for alice, who is known.
  const std::chrono::microseconds betraying(options["betraying"]);
  hooks.knows_key = [&](const std::string& user, const std::string& type, const std::string& blob) {
    fail_for(kKnowsKey, user);
    if (betraying.count() > 0 && user == "alice") std::this_thread::sleep_for(betraying);
    return keys.contains({user, type, blob});
  };
  // Read here, since sessions log in on several threads.
  const bool sink = options["sink"] != 0;
  const bool stalled = options["stalled"] != 0;
  hooks.logged_in = [&](const session::Peer& peer) {
    fail_for(kLoggedIn, peer.user);
    say("serving " + peer.user);
    auto shelf = std::make_shared<Shelf>(files, sink);
    session::Served served;
    auto kept = std::make_shared<std::vector<std::pair<Request, session::Answer>>>();
    served.request = [&worker, shelf, stalled, kept, fail_for, user = peer.user](Request request,
                                                                                 session::Answer answer) {
      fail_for(kRequest, user);
      if (stalled && std::holds_alternative<Write>(request.operation))
        return static_cast<void>(kept->emplace_back(std::move(request), std::move(answer)));
      if (const auto* stat = std::get_if<Stat>(&request.operation); stat && stat->path == "/slow") {
        const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
        while (std::chrono::steady_clock::now() < until) continue;
        return answer(StatusReply{Status::no_such_file, ""});
      }
      worker.post([shelf, request = std::make_shared<Request>(std::move(request)),
                   answer = std::move(answer)] { answer(shelf->serve(*request)); });
    };
    served.ended = [fail_for, user = peer.user](const std::vector<HandleId>& open) {
      fail_for(kEnded, user);
      say("ended " + user + " open=" + std::to_string(open.size()));
    };
    return served;
  };
  hooks.refused_before_login = [fail_for](const std::string& address, session::Refusal refusal) {
    fail_for(kRefused, "bob");
    say("refused " + address + " " + to_string(refusal));
  };
  hooks.log = [fail_for](const std::string& sentence) {
    fail_for(kLog, sentence);
    say("log " + sentence);
  };

  const auto key = session::load_or_make_host_key(arguments[1]);
  const network::Networks declared({*network::Network::parse(kDeclared)});
  net::Server server(settings, key, hooks,
                     [&declared](const std::string& address) { return declared.find(address); });
  server.start();
  say("host_key " + key.public_line() + " " + key.fingerprint());
  if (settings.proxy_listen) say("proxy_port " + std::to_string(server.proxy_port()));
  say("port " + std::to_string(server.port()));
  signals.wait_for_stop([] { say("reload"); });
  server.stop();
  say("stopped");
  return 0;
}
