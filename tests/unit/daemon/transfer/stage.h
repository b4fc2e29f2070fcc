#pragma once

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "daemon/transfer/exchange.h"
#include "policies/seal/seal.h"
#include "tests/unit/temporary_folder.h"

// A hub without network and without chancery-ledgerd: the ledger is a list in memory that can be told to
// fail.
namespace chancery::transfer {

class FakeLedger {
 public:
  struct Stored {
    std::uint64_t seq;
    entry::Micros time;
    entry::Event event;
  };

  Ledger ledger() {
    return {[this](std::vector<entry::Event> batch, const std::function<void(service::Appended)>& done) {
              const service::Appended appended = append(std::move(batch));
              {
                const std::lock_guard lock(mutex_);
                if (hold) return held_.push_back([done, appended] { done(appended); });
              }
              done(appended);
            },
            [this] { return writable || next == service::Outcome::durable; }};
  }

  service::Appended append(std::vector<entry::Event> batch) {
    const std::lock_guard lock(mutex_);
    service::Appended appended;
    appended.outcome = next;
    appended.reason = "as the test wishes";
    appended.try_again = try_again;
    if (appended.outcome == service::Outcome::refused ||
        (appended.outcome == service::Outcome::unknown && !store_unknown))
      return appended;
    for (entry::Event& event : batch) {
      const auto hex = entry::to_hex(event.id);
      if (!seqs_.contains(hex)) {
        seqs_[hex] = stored.size();
        stored.push_back({stored.size(), now, std::move(event)});
      }
      appended.seqs.push_back(seqs_[hex]);
      appended.times.push_back(now);
    }
    return appended;
  }

  Past past() const {
    return {stored.size(), [this](std::uint64_t from, const auto& visit) {
              for (std::size_t i = from; i < stored.size(); ++i)
                visit(stored[i].seq, stored[i].time, stored[i].event);
            }};
  }

  // Gives the answers that were kept back by `hold`.
  void release() {
    std::vector<std::function<void()>> answers;
    {
      const std::lock_guard lock(mutex_);
      hold = false;
      answers.swap(held_);
    }
    for (const auto& answer : answers) answer();
  }

  std::size_t count(const std::string& event) const {
    const std::lock_guard lock(mutex_);
    std::size_t found = 0;
    for (const Stored& one : stored) found += one.event.name == event ? 1U : 0U;
    return found;
  }
  // Waits until `least` entries of the event are stored: some follow the answer, from another thread.
  bool wait_for(const std::string& event, std::size_t least = 1) const {
    for (int i = 0; i < 600 && count(event) < least; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return count(event) >= least;
  }
  std::optional<entry::Event> last(const std::string& event) const {
    const std::lock_guard lock(mutex_);
    for (auto i = stored.rbegin(); i != stored.rend(); ++i)
      if (i->event.name == event) return i->event;
    return std::nullopt;
  }

  std::atomic<service::Outcome> next = service::Outcome::durable;
  std::atomic<bool> writable = false;       // says it takes entries whatever `next` is
  std::atomic<bool> try_again = false;      // what a refusal says of itself
  std::atomic<bool> hold = false;           // answers wait for release()
  std::atomic<bool> store_unknown = false;  // an unknown outcome is in the ledger all the same
  std::atomic<entry::Micros> now = 1'790'000'000'000'000;
  std::vector<Stored> stored;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t> seqs_;
  std::vector<std::function<void()>> held_;
};

// A directory, a policy with one live route `flow` from `alpha` to `beta` and `gamma`, and an Exchange over
// them.
class Stage {
 public:
  Stage()
      : beta(seal::Identity::generate(seal::KeyKind::x25519)),
        gamma(seal::Identity::generate(seal::KeyKind::x25519)) {
    directory = make_temporary_folder("exchange");
    policy = std::make_shared<route::Policy>();
    policy->hash = std::string(64, 'a');
    add_agency("alpha", nullptr);
    add_agency("beta", &beta);
    add_agency("gamma", &gamma);
    add_account("alpha", "alpha-upload", {"SHA256:a", "SHA256:other"});
    add_account("alpha", "alpha-second", {"SHA256:c"});
    add_account("beta", "beta-collect", {"SHA256:b"});
    agreement::Agreement agreement;
    agreement.reference = "DSA-1";
    agreement.parties = {"alpha", "beta", "gamma"};
    policy->agreements["DSA-1"] = agreement;
    route::Route flow;
    flow.id = "flow";
    flow.agreement = "DSA-1";
    flow.from = {"alpha"};
    flow.to = {"beta", "gamma"};
    flow.accept = {"*.csv", "*.bin"};
    flow.max_size = 20 << 20;
    flow.state = route::State::live;
    policy->routes["flow"] = flow;
    open();
  }
  ~Stage() {
    exchange.reset();
    std::filesystem::remove_all(directory);
  }

  void add_account(const std::string& agency, const std::string& user,
                   const std::vector<std::string>& fingerprints,
                   agreement::AccountRole role = agreement::AccountRole::agency) {
    agreement::Account account;
    account.user = user;
    account.role = role;
    for (const std::string& fingerprint : fingerprints)
      account.keys.push_back({"ssh-ed25519", "AAAA", fingerprint});
    policy->agencies[agency].accounts.push_back(account);
  }

  // Records transfers from alpha to beta that an earlier hub made; open() lets the exchange know of them.
  void record_transfers(int count) {
    std::vector<entry::Event> batch(2);
    for (int i = 0; i < count; ++i) {
      const std::string id = entry::to_hex(entry::new_id());
      batch[0].id = entry::new_id();
      batch[0].name = "file.accepted";
      batch[0].plain = {{"agency", "alpha"}, {"route", "flow"}, {"transfer", id}};
      batch[0].committed = {{"name", "file-" + std::to_string(i) + ".csv"}, {"size", "4"}};
      batch[1].id = entry::new_id();
      batch[1].name = "delivery.made";
      batch[1].plain = {{"agency", "beta"},      {"object", id},         {"route", "flow"},
                        {"sealed-sha256", "ab"}, {"sealed-size", "200"}, {"transfer", id}};
      batch[1].committed = batch[0].committed;
      static_cast<void>(ledger.append(batch));
    }
  }

  // (Re)starts the exchange over what is on the disk and in the ledger.
  void open() {
    exchange.reset();
    exchange = std::make_unique<Exchange>(
        Settings{directory / "objects", directory / "policies", {".part"}, 2}, ledger.ledger(), ledger.past(),
        [this] { return ledger.now.load(); },
        [this](const std::string& line) {
          const std::lock_guard lock(log_mutex_);
          log_.push_back(line);
        });
    exchange->activate(policy);
  }

  std::variant<std::shared_ptr<Upload>, Problem> begin(const std::string& name) {
    return exchange->begin(sender, "flow", name);
  }
  // Uploads `content` under `name` in pieces and closes it.
  std::optional<Problem> put(const std::string& name, const std::string& content) {
    auto begun = begin(name);
    if (auto* problem = std::get_if<Problem>(&begun)) return *problem;
    const auto& upload = std::get<std::shared_ptr<Upload>>(begun);
    for (std::size_t at = 0; at < content.size(); at += 30'000) {
      const std::string piece = content.substr(at, 30'000);
      if (auto problem = write(upload, at, piece)) return problem;
    }
    return wait([&](Done done) { exchange->close(upload, std::move(done)); });
  }
  static std::optional<Problem> write(const std::shared_ptr<Upload>& upload, std::uint64_t offset,
                                      const std::string& bytes) {
    return wait([&](Done done) { upload->write(offset, {bytes.begin(), bytes.end()}, std::move(done)); });
  }
  static std::optional<Problem> wait(const std::function<void(Done)>& start) {
    auto promise = std::make_shared<std::promise<std::optional<Problem>>>();
    start([promise](std::optional<Problem> problem) { promise->set_value(std::move(problem)); });
    return promise->get_future().get();
  }
  std::variant<std::shared_ptr<Reading>, Problem> open_delivery(const Delivery& delivery) {
    auto promise = std::make_shared<std::promise<std::variant<std::shared_ptr<Reading>, Problem>>>();
    exchange->open_delivery(receiver, delivery,
                            [promise](auto result) { promise->set_value(std::move(result)); });
    return promise->get_future().get();
  }
  static std::string read(const std::shared_ptr<Reading>& reading, std::uint64_t offset,
                          std::uint32_t length) {
    auto promise = std::make_shared<std::promise<std::string>>();
    reading->read(offset, length, [promise](auto result) {
      const auto* bytes = std::get_if<std::vector<std::uint8_t>>(&result);
      promise->set_value(bytes == nullptr ? "(problem)" : std::string(bytes->begin(), bytes->end()));
    });
    std::string bytes = promise->get_future().get();
    if (bytes != "(problem)") reading->sent(offset, offset + bytes.size());
    return bytes;
  }
  static std::string opened(const std::string& sealed, const seal::Identity& identity) {
    std::string plain;
    seal::Opener opener(
        {identity}, [&](std::span<const std::uint8_t> bytes) { plain.append(bytes.begin(), bytes.end()); });
    opener.update({reinterpret_cast<const std::uint8_t*>(sealed.data()), sealed.size()});
    opener.finish();
    return plain;
  }
  std::vector<std::filesystem::path> object_files() const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory / "objects"))
      if (entry.is_regular_file() && entry.path().parent_path().filename() != "orphans")
        files.push_back(entry.path());
    return files;
  }

  // What the operator's log got.
  std::vector<std::string> log() const {
    const std::lock_guard lock(log_mutex_);
    return log_;
  }

  std::filesystem::path directory;
  FakeLedger ledger;
  seal::Identity beta, gamma;
  std::shared_ptr<route::Policy> policy;
  Caller sender{"alpha-upload", "alpha", "SHA256:a", "127.0.0.1"};
  Caller receiver{"beta-collect", "beta", "SHA256:b", "127.0.0.2"};
  std::unique_ptr<Exchange> exchange;

 private:
  void add_agency(const std::string& id, const seal::Identity* identity) {
    agreement::Agency agency;
    agency.id = agency.name = id;
    if (identity != nullptr) agency.seal_to = {identity->recipient()};
    policy->agencies[id] = agency;
  }

  mutable std::mutex log_mutex_;
  std::vector<std::string> log_;
};

}  // namespace chancery::transfer
