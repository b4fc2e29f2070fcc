#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/object/object_store.h"
#include "daemon/transfer/caller.h"
#include "daemon/transfer/projection.h"
#include "daemon/transfer/reading.h"
#include "daemon/transfer/recorder.h"
#include "daemon/transfer/upload.h"
#include "policies/route/policy.h"

namespace chancery::transfer {

struct Settings {
  std::filesystem::path objects;   // directory of sealed objects
  std::filesystem::path policies;  // directory where every activated policy is kept
  std::vector<std::string> temporary_suffixes;
  unsigned workers = 4;
};

// What the hub's start needs of the ledger: every entry so far, and its openings.
struct Past {
  std::uint64_t size = 0;
  // Visits entries [from, size) in order, as the events they record: a committed field that has no opening is
  // absent.
  std::function<void(std::uint64_t from,
                     const std::function<void(std::uint64_t, entry::Micros, const entry::EventView&)>&)>
      visit;
};

// A file on its way that its own account may see: a temporary name, an upload under way, one that was cut
// off, or a manifest of the last day.
struct InProgress {
  std::string id;  // of the transfer
  std::string name;
  std::uint64_t size = 0;
  entry::Micros since = 0;
};

// The hub's work on transfers: uploads, deliveries and their record. Thread-safe; nothing blocks but the
// constructor, activate() and stop().
class Exchange {
 public:
  // Replays the past, then removes what is in no entry: objects that were never recorded and temporary ones,
  // for which file.abandoned is recorded. Throws std::system_error for the disk.
  Exchange(Settings settings, Ledger ledger, const Past& past, Clock clock, Log log);
  ~Exchange();

  // Makes `policy` the one by which new transfers are judged; those under way keep theirs, unless it
  // withdraws their route (docs/policy.md, "Decisions"). It is kept whole and recorded first
  // (policy.activated, route.state); throws std::runtime_error when that cannot be done, and nothing has
  // changed then.
  void activate(const std::shared_ptr<const route::Policy>& policy);
  std::shared_ptr<const route::Policy> policy() const;

  // A session's place within its agency's quota, kept until it ends; a no is recorded.
  std::variant<std::shared_ptr<void>, Problem> take_seat(const Caller& caller);

  // Begins an upload, or says why not; a no is recorded. The same name may be uploaded again at any time.
  std::variant<std::shared_ptr<Upload>, Problem> begin(const Caller& caller, const std::string& route,
                                                       const std::string& name);
  // For a client that opens a name without emptying it: the upload that it may go on with, of its account and
  // not finished; null if nothing of one is here. As begin(), it may say why nothing is taken.
  std::variant<std::shared_ptr<Upload>, Problem> find_unfinished(const Caller& caller,
                                                                 const std::string& route,
                                                                 const std::string& name);
  // Goes on with it: Upload::resume().
  std::shared_ptr<Upload> resume(const Caller& caller, const std::shared_ptr<Upload>& unfinished,
                                 std::uint64_t offset);
  // The client has closed its upload: it is finished, or it waits for its rename or its manifest, or it is a
  // manifest and finishes the file that it is of.
  void close(const std::shared_ptr<Upload>& upload, Done done);
  // The session ended with the upload open: it is kept for an hour, of an account at most four.
  void drop(const std::shared_ptr<Upload>& upload);
  // Finishes a closed temporary upload under its final name (with manifests, lets it wait for its own or be
  // one), or renames a delivered file: which is refused.
  void rename(const Caller& caller, const std::string& route, const std::string& from, const std::string& to,
              Done done);
  // Gives up a temporary upload; anything else in /send is refused.
  void remove_sent(const Caller& caller, const std::string& route, const std::string& name, const Done& done);

  // Of two of one name the later one comes later, and is the one that is found.
  std::vector<InProgress> in_progress(const Caller& caller, const std::string& route) const;
  std::optional<InProgress> find_in_progress(const Caller& caller, const std::string& route,
                                             const std::string& name) const;

  void open_delivery(const Caller& caller, const Delivery& delivery, const Counter::Opened& done);
  void acknowledge(const Caller& caller, const Delivery& delivery, const Done& done);

  // A connection was turned away before it logged in. `source` is what limits count as one: an IPv4 address,
  // or the /64 of an IPv6 address.
  void refused_at_door(const std::string& source, const std::string& code);

  // A refusal that the tree itself decides, for a name of this route (or none that is known).
  void record_refusal(const Caller& caller, const std::string& route, const std::string& name,
                      const std::string& code, const std::string& sentence);

  const Projection& projection() const;
  // An entry that somebody else appended while the hub ran.
  void learn(std::uint64_t seq, entry::Micros time, const entry::Event& event);
  // Whether the ledger answered when it was last asked.
  bool ledger_answers() const;
  bool is_temporary(std::string_view name) const;
  object::ObjectStore::Space space() const;
  entry::Micros now() const;

  // Runs a function on the workers.
  void post(std::function<void()> work);

  // Gives up what is under way, writes what was gathered, waits for the workers. Called once, at the end.
  void stop();

 private:
  struct State;
  // If it is a refusal that the ledger records.
  void record_problem(const Caller& caller, const Delivery& delivery, const Problem& problem);
  std::unique_ptr<State> state_;
};

}  // namespace chancery::transfer
