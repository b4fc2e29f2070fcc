#include "ledger/entry/event_table.h"

#include <algorithm>
#include <array>

namespace chancery::entry {
namespace {

using Plain = std::string_view;
using Committed = CommittedField;

constexpr unsigned kSenderAndAuditor = kSender | kAuditor;
constexpr unsigned kAll = kSender | kRecipient | kAuditor;

// Fields, in ascending byte order. Those of one line of the table below share its name.
constexpr Plain kGenesis[] = {"mldsa-vkey", "origin",  "prior-origin", "prior-root",
                              "prior-size", "version", "vkey"};
constexpr Plain kLogKey[] = {"last-trusted-size", "vkey"};
constexpr Plain kAnchor[] = {"note-sha256", "root", "size"};
constexpr Plain kPolicy[] = {"files", "policy"};
constexpr Plain kRoute[] = {"from", "policy", "route", "to"};
constexpr Plain kTaken[] = {"agency", "agreement", "outputs", "policy", "route", "transfer"};
constexpr Plain kNotTaken[] = {"agency", "code", "count", "policy", "route", "transfer"};
constexpr Plain kMade[] = {"agency", "object", "route", "sealed-sha256", "sealed-size", "transfer"};
constexpr Plain kDelivery[] = {"agency", "object", "transfer"};
constexpr Plain kDisposed[] = {"code", "object", "transfer"};
constexpr Plain kSeqs[] = {"basis", "seqs"};
constexpr Plain kSession[] = {"code", "count", "since"};
constexpr Plain kClock[] = {"by-ms"};
constexpr Plain kAdmin[] = {"action", "code"};

constexpr Committed kReason[] = {{"reason", kAuditor}};
constexpr Committed kSummary[] = {{"summary", kAuditor}};
constexpr Committed kRouteOfficer[] = {{"officer", kAll}, {"reason", kAll}};
constexpr Committed kTakenDetails[] = {
    {"account", kOwnAgency},       {"address", kOwnAgency},        {"key", kOwnAgency},
    {"name", kSenderAndAuditor},   {"rows-in", kSenderAndAuditor}, {"rows-out", kSenderAndAuditor},
    {"sha256", kSenderAndAuditor}, {"size", kSenderAndAuditor},    {"subjects", kSenderAndAuditor}};
constexpr Committed kNotTakenDetails[] = {{"account", kOwnAgency},       {"address", kOwnAgency},
                                          {"key", kOwnAgency},           {"name", kSenderAndAuditor},
                                          {"reason", kSenderAndAuditor}, {"size", kSenderAndAuditor}};
constexpr Committed kMadeDetails[] = {{"name", kAll}, {"recipients", kAll}, {"rows", kAll}, {"sha256", kAll}};
constexpr Committed kPerson[] = {{"account", kOwnAgency}, {"address", kOwnAgency}, {"key", kOwnAgency}};
constexpr Committed kReference[] = {{"reference", kAuditor}};
constexpr Committed kHoldOfficer[] = {{"officer", kAuditor}, {"reason", kAuditor}};
constexpr Committed kAddress[] = {{"address", kAuditor}};
constexpr Committed kAdminDetails[] = {{"account", kAuditor}, {"detail", kAuditor}};

constexpr Author kService = Author::service;
constexpr Author kHub = Author::hub;
constexpr Author kAdministrator = Author::administrator;

// In ascending order of the names.
constexpr EventRow kEvents[] = {
    {"admin.action", kAdministrator, kAdmin, kAdminDetails},
    {"clock.stepped", kService, kClock, {}},
    {"delivery.acknowledged", kHub, kDelivery, kPerson},
    {"delivery.collected", kHub, kDelivery, kPerson},
    {"delivery.expired", kHub, kDelivery, kPerson},
    {"delivery.made", kHub, kMade, kMadeDetails},
    {"delivery.opened", kHub, kDelivery, kPerson},
    {"delivery.recalled", kHub, kDelivery, kPerson},
    {"detail.erased", kService, kSeqs, kReference},
    {"erasure.begun", kService, kSeqs, kReference},
    {"file.abandoned", kHub, kNotTaken, kNotTakenDetails},
    {"file.accepted", kHub, kTaken, kTakenDetails},
    {"file.held", kHub, kTaken, kTakenDetails},
    {"file.refused", kHub, kNotTaken, kNotTakenDetails},
    {"hold.cleared", kService, kSeqs, kHoldOfficer},
    {"hold.set", kService, kSeqs, kHoldOfficer},
    {"log.anchor", kService, kAnchor, {}},
    {"log.genesis", kService, kGenesis, kReason},
    {"log.key.add", kService, kLogKey, kReason},
    {"log.key.retire", kService, kLogKey, kReason},
    {"log.key.revoke", kService, kLogKey, kReason},
    {"object.disposed", kHub, kDisposed, {}},
    {"policy.activated", kHub, kPolicy, kSummary},
    {"route.state", kHub, kRoute, kRouteOfficer},
    {"session.refused", kHub, kSession, kAddress},
};

std::string_view key_of(const std::pair<const std::string, std::string>& field) { return field.first; }
std::string_view key_of(const std::pair<std::string_view, std::string_view>& field) { return field.first; }
std::string_view key_of(std::string_view key) { return key; }
std::string_view key_of(const CommittedField& field) { return field.key; }

// What of `have` differs from the keys of `want`; both are in ascending order.
template <typename Have, typename Want>
std::optional<std::string> compare_keys(const Have& have, const Want& want, std::string_view kind) {
  auto wanted = want.begin();
  for (const auto& field : have) {
    if (wanted == want.end() || key_of(field) < key_of(*wanted)) {
      return "unexpected " + std::string(kind) + " field " + std::string(key_of(field));
    }
    if (key_of(field) != key_of(*wanted)) {
      break;
    }
    ++wanted;
  }
  if (wanted != want.end()) {
    return "missing " + std::string(kind) + " field " + std::string(key_of(*wanted));
  }
  return std::nullopt;
}

}  // namespace

std::span<const EventRow> event_table() { return kEvents; }

const EventRow* find_event(std::string_view name) {
  const auto* row = std::lower_bound(std::begin(kEvents), std::end(kEvents), name,
                                     [](const EventRow& r, std::string_view n) { return r.name < n; });
  return row != std::end(kEvents) && row->name == name ? row : nullptr;
}

std::optional<std::string> check_event(const Event& event) {
  const EventRow* row = find_event(event.name);
  if (row == nullptr) {
    return "unknown event " + event.name;
  }
  if (auto wrong = compare_keys(event.plain, row->plain, "plain")) {
    return wrong;
  }
  if (auto wrong = compare_keys(event.committed, row->committed, "committed")) {
    return wrong;
  }
  for (const auto& [key, value] : event.plain) {
    if (!is_value(value)) {
      return "the value of " + key + " is not 1 to 4096 printable ASCII characters without spaces";
    }
  }
  for (const auto& [key, value] : event.committed) {
    if (value.size() > kMaxCommittedBytes) {
      return "the value of " + key + " is longer than 1 MiB";
    }
  }
  return std::nullopt;
}

std::optional<std::string> check_fields(const EntryView& entry, const EventRow& row) {
  if (auto wrong = compare_keys(entry.plain, row.plain, "plain")) {
    return wrong;
  }
  return compare_keys(entry.commitments, row.committed, "committed");
}

}  // namespace chancery::entry
