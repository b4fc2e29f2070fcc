#include "client/cli/ledger_filter.h"

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>

#include "client/cli/escape.h"

namespace chancery::cli {
namespace {

// Whether it ends behind a year, a month, a day and so on, so that no digit is completed by one of another.
bool is_whole(std::string_view time) {
  constexpr std::array<std::size_t, 6> kEnds{4, 7, 10, 13, 16, 19};
  constexpr std::size_t kFraction = 20;
  return time.size() > kFraction || std::ranges::find(kEnds, time.size()) != kEnds.end();
}

// A time as people write it, from a year to a microsecond, is completed to the one form that entries have.
entry::Micros time_of(const cxxopts::ParseResult& parsed, const std::string& option,
                      entry::Micros otherwise) {
  constexpr std::string_view kRest = "0000-01-01T00:00:00.000000Z";
  const std::string text = value_of(parsed, option, "");
  if (parsed.count(option) == 0) {
    return otherwise;
  }
  std::string whole = text;
  if (!whole.empty() && whole.back() == 'Z') {
    whole.pop_back();
  }
  std::ranges::replace(whole, ' ', 'T');
  const bool complete = is_whole(whole);
  whole += kRest.substr(std::min(whole.size(), kRest.size()));
  const auto time = entry::parse_time(whole);
  if (!time || !complete) {
    throw std::invalid_argument(
        "--" + option + " must be a day or a time in UTC, like 2026-11-02 or 2026-11-02T09:30, not '" +
        escaped(text) + "'.");
  }
  return *time;
}

bool is_or_any(const std::string& wanted, std::optional<std::string_view> value) {
  return wanted.empty() || value == wanted;
}

}  // namespace

void LedgerFilter::add_options(cxxopts::Options& options) {
  const auto text = [] { return cxxopts::value<std::string>(); };
  options.add_options()("since", "only entries from this day or time on", text(), "TIME");
  options.add_options()("until", "only entries before this day or time", text(), "TIME");
  options.add_options()("agency", "only entries of this agency", text(), "ID");
  options.add_options()("from", "only entries of transfers that this agency sent", text(), "ID");
  options.add_options()("to", "only deliveries to this agency", text(), "ID");
  options.add_options()("transfer", "only entries of this transfer", text(), "ID");
  options.add_options()("event", "only entries of this event, such as file.refused; may be repeated",
                        cxxopts::value<Words>(), "NAME");
}

LedgerFilter::LedgerFilter(const cxxopts::ParseResult& parsed)
    : since_(time_of(parsed, "since", 0)),
      until_(time_of(parsed, "until", std::numeric_limits<entry::Micros>::max())),
      agency_(value_of(parsed, "agency", "")),
      sender_(value_of(parsed, "from", "")),
      recipient_(value_of(parsed, "to", "")),
      transfer_(value_of(parsed, "transfer", "")) {
  for (const std::string& event : values_of(parsed, "event")) {
    events_.insert(event);
  }
}

bool LedgerFilter::was_sent_by(const entry::EntryView& entry) {
  const auto transfer = entry.plain_value("transfer");
  if (sender_.empty() || !transfer) {
    return sender_.empty();
  }
  if (entry.event.starts_with("file.")) {
    const bool theirs = entry.plain_value("agency") == sender_;
    if (theirs) {
      sent_.emplace(*transfer);
    }
    return theirs;
  }
  return sent_.contains(std::string(*transfer));
}

bool LedgerFilter::passes(const entry::EntryView& entry) {
  const bool sent = was_sent_by(entry);  // asked of every entry, so that it learns
  const auto agency = entry.plain_value("agency");
  const bool delivered = recipient_.empty() || (entry.event.starts_with("delivery.") && agency == recipient_);
  return sent && delivered && entry.time >= since_ && entry.time < until_ && is_or_any(agency_, agency) &&
         is_or_any(transfer_, entry.plain_value("transfer")) &&
         (events_.empty() || events_.contains(std::string(entry.event)));
}

}  // namespace chancery::cli
