#include "ledger/exports/keys.h"

#include <algorithm>

#include "ledger/entry/entry.h"
#include "ledger/note/log_policy.h"
#include "ledger/note/named_key.h"

namespace chancery::exports {
namespace {

// The line "event" is the sixth, behind lines of at most so many bytes.
constexpr std::size_t kHead = 256;

}  // namespace

void PresentKeys::read(std::string_view entry) {
  const std::string_view head = entry.substr(0, kHead);
  if (head.find("\nevent log.") == std::string_view::npos) {
    return;  // nearly all of them
  }
  entry::EntryView view;
  if (entry::parse_into(entry, view)) {
    return;
  }
  const auto field = [&](std::string_view key) { return view.plain_value(key).value_or(""); };
  if (view.event == "log.genesis") {
    add(field("vkey"));
    add(field("mldsa-vkey"));
  } else if (view.event == "log.key.add") {
    add(field("vkey"));
  } else if (view.event == "log.key.retire" || view.event == "log.key.revoke") {
    end(field("vkey"));
  }
}

void PresentKeys::add(std::string_view vkey) {
  const auto key = note::VerifierKey::parse(vkey);
  if (key && keys_.size() < note::kMaxNamedKeys && std::ranges::find(keys_, *key) == keys_.end()) {
    keys_.push_back(*key);
  }
}

void PresentKeys::end(std::string_view vkey) {
  const auto key = note::VerifierKey::parse(vkey);
  std::erase_if(keys_, [&](const note::VerifierKey& one) { return key == one; });
}

std::string PresentKeys::log_policy() const { return note::format_log_policy(keys_, true); }
std::string PresentKeys::log_policy_ed25519() const { return note::format_log_policy(keys_, false); }

}  // namespace chancery::exports
