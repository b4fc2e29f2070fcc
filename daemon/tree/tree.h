#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "daemon/sftp/message.h"
#include "daemon/transfer/exchange.h"
#include "daemon/tree/audit.h"
#include "daemon/tree/listing.h"
#include "daemon/tree/lists.h"
#include "daemon/tree/place.h"
#include "daemon/tree/receipts.h"
#include "daemon/tree/texts.h"

namespace chancery::tree {

// The modification times that clients set on what they put, by transfer, for the listing: in memory, of each
// account those of the last 20,000 transfers that it set one for. Thread-safe.
class Times {
 public:
  void set(const std::string& account, const std::string& transfer, std::uint32_t modified);
  std::optional<std::uint32_t> find(const std::string& transfer) const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::uint32_t> times_;
  std::map<std::string, std::deque<std::string>> set_by_;  // account -> its transfers in times_, oldest first
};

// What all sessions' trees share.
struct Hub {
  transfer::Exchange& exchange;
  HubFacts facts;
  Times times;
  Receipts receipts;
  Audit* audit = nullptr;  // none: nothing is shown to auditors
  Lists lists{};
};

using Answer = std::function<void(sftp::Reply)>;

// The virtual tree that one session of one account sees: /send, /collect, /receipts and README.txt. Not
// thread-safe: called on the session's thread; answers come from there or from a worker.
class Tree {
 public:
  Tree(Hub& hub, transfer::Caller caller);

  // Counts it as one of its agency's sessions. Where there are too many, every request is answered so.
  void take_seat();

  // Answers every request exactly once.
  void serve(sftp::Request request, Answer answer);

  // The session ended with these handles open: uploads among them are abandoned.
  void ended(const std::vector<sftp::HandleId>& open);

 private:
  // What is read from memory. A worker may have to make it before the client is answered.
  struct Page {
    std::string bytes;
    std::atomic<bool> failed{false};
  };
  using Text = std::shared_ptr<Page>;
  // A folder's names: a worker makes the list before the client is answered.
  struct Listing {
    std::vector<Listed> files;
    std::shared_ptr<void> held;  // of Hub::lists
    std::atomic<bool> failed{false};
    std::size_t read = 0;  // how many of the files were given out
  };
  using Directory = std::shared_ptr<Listing>;
  using Upload = std::shared_ptr<transfer::Upload>;
  // A delivery being opened: a worker sets one of the two before the client is answered.
  struct Opening {
    std::shared_ptr<transfer::Reading> reading;
    std::atomic<bool> failed{false};
  };
  using Reading = std::shared_ptr<Opening>;
  // A file of /audit being opened, in the same way.
  struct Auditing {
    std::shared_ptr<const AuditFile> file;
    std::atomic<bool> failed{false};
  };
  using Audited = std::shared_ptr<Auditing>;
  // A file opened for writing without being emptied, before the first byte says where it goes on.
  struct Unfinished {
    Upload upload;
  };
  using Handle = std::variant<Text, Directory, Upload, Unfinished, Reading, Audited>;
  struct Visitor;

  // The account as the policy in force has it; nullopt once it was withdrawn.
  struct View {
    std::shared_ptr<const route::Policy> policy;
    const agreement::Agency* agency = nullptr;
    const agreement::Account* account = nullptr;
  };
  std::optional<View> view() const;

  // A file in /send: the one on its way, or the one that was put there last.
  struct Sent {
    std::string transfer;
    std::uint64_t size = 0;
    entry::Micros time = 0;
  };
  std::optional<Sent> sent(const View& view, const Place& place) const;

  std::optional<sftp::Attributes> attributes(const View& view, const Place& place) const;
  std::optional<sftp::Attributes> file_attributes(const View& view, const Place& place) const;
  std::vector<Listed> list(const View& view, const Place& place) const;
  std::optional<std::string> text(const View& view, const Place& place) const;
  // Whether the place is in /audit and this account sees that.
  bool is_audit(const View& view, const Place& place) const;
  std::vector<Listed> list_audit(const Place& place) const;
  // A proof in /receipts: what is asked of it may block, so a worker does it.
  struct Proof {
    std::string bytes;
    std::uint64_t size = 0;
    entry::Micros time = 0;
  };
  bool is_proof(const View& view, const Place& place) const;
  std::optional<ReceiptFile> find_receipt(const Place& place, bool may_block) const;
  std::optional<Proof> proof(const Place& place, bool with_bytes) const;
  void list_receipts(const std::string& month,
                     const std::function<void(const std::string&, const sftp::Attributes&)>& add) const;
  bool folder_exists(const View& view, const Place& place) const;
  sftp::Attributes sent_attributes(const Sent& sent) const;

  void forget_failed();
  sftp::Reply refuse(const Place& place, const std::string& code, const std::string& sentence);

  Hub& hub_;
  const transfer::Caller caller_;
  std::shared_ptr<void> seat_;
  std::optional<transfer::Problem> no_seat_;
  std::map<sftp::HandleId, Handle> handles_;
};

}  // namespace chancery::tree
