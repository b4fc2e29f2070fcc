#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ledger/entry/entry.h"
#include "ledger/entry/seqs.h"

// What the ledger's entries amount to: which transfers there were and which deliveries are waiting. It is
// kept in memory and rebuilt whole from the entries and their openings at every start, so that an erased
// detail is gone. All transfers are kept: each has its receipts, however old, its content may come again,
// and its id tells a disposed object from one that no entry names.
namespace chancery::transfer {

using entry::Micros;

// Something that happened to a transfer, as one entry says it.
struct Step {
  std::uint64_t seq = 0;
  Micros time = 0;
  std::string event;
  std::string agency;   // whose step it is
  std::string account;  // shown to that agency alone
  // How long its entry is, and the openings of it that the sender and its own agency may have.
  std::uint32_t entry_bytes = 0;
  std::uint32_t openings_of_sender = 0;
  std::uint32_t openings_of_own = 0;
};

enum class Outcome { accepted, refused, abandoned };

// One file through one route, or the attempt. `name` is "erased-ID" once its opening is gone.
struct Transfer {
  std::string id;
  std::string agency;  // the sender
  std::string route;   // "-" for one that the policy does not know
  std::string name;
  std::string account;
  std::uint64_t size = 0;  // bytes of plain text
  std::string sha256;      // of the plain text, hex; empty unless accepted
  Outcome outcome = Outcome::accepted;
  std::string code;    // unless accepted
  std::string reason;  // unless accepted
  std::uint64_t count = 1;
  Micros time = 0;
  // The first of this agency and route with the same content, if this is a later one.
  struct Same {
    std::string transfer, name;
    Micros time = 0;
  };
  std::optional<Same> same;
  std::vector<std::string> recipients;  // agencies
  std::vector<Step> steps;              // in the ledger's order
};

// Which parties (a set of entry::OpenedTo) an agency is to a step of a transfer; kNobody if it is none of its
// business.
unsigned parties_to(const Transfer& transfer, const Step& step, std::string_view agency);

// A sealed object put into one agency's /collect/ROUTE.
struct Delivery {
  std::string object;
  std::string transfer;
  std::string agency;
  std::string route;
  std::string shown_name;  // NAME.age, or STEM~ID8.EXT.age while another NAME.age waits there
  std::uint64_t sealed_size = 0;
  std::string sealed_sha256;
  Micros made = 0;
  bool collected = false;
  std::optional<Micros> acknowledged;
  bool disposed = false;
  std::uint64_t seq = 0;  // of delivery.made
};

// A past policy activation or change of a route's state, for comparing at the next one.
struct Activation {
  std::string policy;                               // empty before the first
  std::map<std::string, std::string> route_states;  // route -> state
};

// How much was accepted in some time.
struct Tally {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;  // of plain text
};

// An entry by which the ledger names a key of its own, or ends its use.
struct LogKeyStep {
  std::uint64_t seq = 0;
  Micros time = 0;
  std::string event;  // log.genesis or log.key.*
};

// Thread-safe.
class Projection {
 public:
  Projection();
  ~Projection();

  // Applies an entry; one that was applied before is passed over. A batch's entries come in the ledger's
  // order, but a batch whose outcome was unknown comes after later ones. Of the entries that an erasure.begun
  // names all details are forgotten. Other events that concern no transfer change nothing else, nor does one
  // whose transfer or object is no id or whose digest is none: nobody writes such.
  void apply(std::uint64_t seq, Micros time, const entry::EventView& event);

  // How many entries were applied from the ledger's first on, without a gap.
  std::uint64_t applied() const;

  // Entries below `size` that were not applied, as ranges from (first) to (second, not included): what others
  // than the hub append while it runs.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> not_applied(std::uint64_t size) const;

  // In the ledger's order.
  std::vector<LogKeyStep> log_keys() const;

  // Files this agency put on this route since `since`: of each name the one that the ledger has last, newest
  // first.
  std::vector<Transfer> sent(std::string_view agency, std::string_view route, Micros since) const;
  std::optional<Transfer> find_sent(std::string_view agency, std::string_view route, std::string_view name,
                                    Micros since) const;

  // Deliveries that wait (not acknowledged) in an agency's folder of a route.
  std::vector<Delivery> waiting(std::string_view agency, std::string_view route) const;
  std::optional<Delivery> find_waiting(std::string_view agency, std::string_view route,
                                       std::string_view shown_name) const;

  // Transfers that an agency sent or received, by the month ("2026-11", UTC) of their first entry.
  std::vector<std::string> months(std::string_view agency) const;
  std::vector<Transfer> outcomes(std::string_view agency, std::string_view month) const;
  std::optional<Transfer> find_transfer(std::string_view id) const;

  // Whether an object of this id was ever delivered; whether it is still to be kept.
  bool knows_object(std::string_view object) const;
  bool keeps_object(std::string_view object) const;

  // Objects acknowledged before `time` and not yet disposed of.
  std::vector<Delivery> disposable(Micros time) const;

  // What was accepted since a moment of the last two days, a quarter of an hour by the clock: from an agency,
  // and through a route. A file whose size was erased counts none at the next start.
  Tally accepted_from(std::string_view agency, Micros since) const;
  Tally accepted_through(std::string_view route, Micros since) const;

  Activation activation() const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace chancery::transfer
