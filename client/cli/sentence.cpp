#include "client/cli/sentence.h"

#include <algorithm>
#include <array>

namespace chancery::cli {
namespace {

// {field|words} stands for the field's value, or for the words when it cannot be read.
struct Row {
  std::string_view event;
  std::string_view words;
};

constexpr std::array kRows{
    Row{"admin.action", "{account|the administrator}: {action} ({code}) {detail|}"},
    Row{"clock.stepped", "the clock was set by {by-ms} ms"},
    Row{"delivery.acknowledged", "{agency} acknowledged object {object} ({account|account withheld})"},
    Row{"delivery.collected", "{agency} collected object {object} whole ({account|account withheld})"},
    Row{"delivery.expired", "object {object} expired before {agency} collected it"},
    Row{"delivery.made",
        "{name|a file} was delivered to {agency}: object {object}, {sealed-size} bytes sealed"},
    Row{"delivery.opened", "{agency} began to read object {object} ({account|account withheld})"},
    Row{"delivery.recalled", "object {object} was recalled from {agency}"},
    Row{"detail.erased", "the details of entries {seqs} are erased ({basis})"},
    Row{"erasure.begun", "the details of entries {seqs} are to be erased ({basis})"},
    Row{"file.abandoned", "{agency} broke off sending {name|a file} through {route|no route} ({code})"},
    Row{"file.accepted",
        "{agency} sent {name|a file} through {route}: accepted, {size|unknown} bytes, transfer {transfer}"},
    Row{"file.held",
        "{agency} sent {name|a file} through {route}: held, {size|unknown} bytes, transfer {transfer}"},
    Row{"file.refused",
        "{agency|someone} was refused {name|a file} through {route|no route} ({code}, {count} times): "
        "{reason|reason withheld}"},
    Row{"hold.cleared", "the hold on entries {seqs} is cleared ({basis})"},
    Row{"hold.set", "entries {seqs} are on hold ({basis})"},
    Row{"log.anchor", "the checkpoint of {size} entries is anchored"},
    Row{"log.genesis", "the ledger of {origin} begins; its key is {vkey}"},
    Row{"log.key.add", "key {vkey} is added"},
    Row{"log.key.retire", "key {vkey} is retired at {last-trusted-size} entries"},
    Row{"log.key.revoke", "key {vkey} is revoked, trusted up to {last-trusted-size} entries"},
    Row{"object.disposed", "object {object} was destroyed ({code})"},
    Row{"policy.activated", "policy {policy} took effect: {files} files, {summary|summary withheld}"},
    Row{"route.state", "route {route} became {to} (was {from|not there}): {reason|reason withheld}"},
    Row{"session.refused", "{count} log-ins were refused ({code}) from {address|somewhere} since {since}"},
};

}  // namespace

std::string sentence(std::string_view event, const FieldOf& field) {
  const auto* row = std::ranges::find(kRows, event, &Row::event);
  if (row == kRows.end()) {
    return std::string(event) + " (an event that this version does not know)";
  }
  std::string out;
  for (std::string_view rest = row->words; !rest.empty();) {
    const std::size_t open = rest.find('{');
    out += rest.substr(0, open);
    if (open == std::string_view::npos) {
      break;
    }
    const std::size_t close = rest.find('}', open);
    const std::string_view place = rest.substr(open + 1, close - open - 1);
    const std::size_t bar = place.find('|');
    const std::string_view otherwise = bar == std::string_view::npos ? "-" : place.substr(bar + 1);
    out += field(place.substr(0, bar)).value_or(std::string(otherwise));
    rest.remove_prefix(close + 1);
  }
  return out;
}

}  // namespace chancery::cli
