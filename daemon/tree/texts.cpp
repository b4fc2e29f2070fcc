#include "daemon/tree/texts.h"

#include <algorithm>
#include <array>
#include <sstream>
#include <string>
#include <vector>

#include "daemon/tree/receipts.h"
#include "policies/route/decide.h"
#include "policies/text/unseen.h"

namespace chancery::tree {

namespace {

struct StepWords {
  std::string_view event, words;
};

// In the words of the agency that reads it; the agency whose step it was follows.
constexpr std::array kStepWords = {
    StepWords{"file.accepted", "ACCEPTED from"},
    StepWords{"file.refused", "REFUSED, from"},
    StepWords{"file.abandoned", "ABANDONED, from"},
    StepWords{"delivery.made", "DELIVERED to"},
    StepWords{"delivery.opened", "opened by"},
    StepWords{"delivery.collected", "COLLECTED whole by"},
    StepWords{"delivery.acknowledged", "ACKNOWLEDGED by"},
    StepWords{"delivery.expired", "EXPIRED, uncollected by"},
    StepWords{"delivery.recalled", "RECALLED from"},
    StepWords{"object.disposed", "removed from the hub, delivered to"},
};

std::string_view words_for(std::string_view event) {
  for (const StepWords& one : kStepWords)
    if (one.event == event) return one.words;
  return event;
}

std::string with_crlf(const std::string& text) {
  std::string result;
  result.reserve(text.size() + text.size() / 32);
  for (const char c : text) {
    if (c == '\n') result += '\r';
    result += c;
  }
  return result;
}

bool happened(const transfer::Transfer& transfer, std::string_view event, std::string_view agency) {
  return std::any_of(transfer.steps.begin(), transfer.steps.end(), [&](const transfer::Step& step) {
    return step.event == event && (agency.empty() || step.agency == agency);
  });
}

struct Advice {
  std::string_view code, words;
};

// For refusals of something else than an upload, where nothing was lost or changed.
constexpr std::array kAdvice = {
    Advice{"not-collected", "The delivery still waits. Download it first, then remove it."},
    Advice{"already-delivered", "Nothing: the file stays delivered, and nothing was changed."},
    Advice{"suspended", "Nothing was changed; the delivery is held until the route is live again."},
    Advice{"not-readable", "Nothing was changed. Look in /receipts for what became of the file."},
    Advice{"not-removable", "Nothing was changed."},
    Advice{"no-folders", "Nothing was changed. Put files straight into a folder of /send."},
    Advice{"no-renames", "Nothing was changed."},
    Advice{"no-links", "Nothing was changed."},
    Advice{"quota-files", "Nothing of the file was kept. Upload it again after midnight."},
    Advice{"quota-bytes", "Nothing of the file was kept. Upload it again after midnight."},
    Advice{"quota-sessions", "Close a session of your agency, or wait until one has ended."},
    Advice{"ledger-unavailable", "Nothing was changed, and nothing of an upload was kept. Try again later."},
};

std::string what_to_do(const transfer::Transfer& transfer, std::string_view agency) {
  for (const Advice& advice : kAdvice)
    if (advice.code == transfer.code) return std::string(advice.words);
  if (transfer.outcome == transfer::Outcome::refused)
    return "The file was not taken and nothing of it was kept. Put right what the reason says and upload it "
           "again.";
  if (transfer.outcome == transfer::Outcome::abandoned)
    return "The upload was not finished and nothing of it was kept. Upload it again.";
  if (transfer.agency == agency)
    return "Nothing. This page tells when the file is collected and acknowledged.";
  if (happened(transfer, "delivery.acknowledged", agency))
    return "Nothing. You have taken responsibility for the file.";
  if (happened(transfer, "delivery.collected", agency))
    return "Check that the file opens, then remove it from /collect/" + transfer.route +
           ": that says you have it and take responsibility.";
  return "Download it from /collect/" + transfer.route + " and open it with your key: README.txt says how.";
}

// "2 files a day, 500 bytes a day and 16384 bytes a second"; empty without a quota.
std::string amounts(const agreement::Quota& quota) {
  std::vector<std::string> all;
  if (quota.files_per_day != 0) all.push_back(std::to_string(quota.files_per_day) + " files a day");
  if (quota.bytes_per_day != 0) all.push_back(std::to_string(quota.bytes_per_day) + " bytes a day");
  if (quota.bytes_per_second != 0) all.push_back(std::to_string(quota.bytes_per_second) + " bytes a second");
  std::string text;
  for (std::size_t i = 0; i < all.size(); ++i)
    text += (i == 0 ? "" : i + 1 == all.size() ? " and " : ", ") + all[i];
  return text;
}

void say_quota(std::ostringstream& out, const agreement::Agency& agency, const std::string& timezone) {
  const std::string sends = amounts(agency.quota);
  if (!sends.empty())
    out << "\nAll accounts of your agency together send at most " << sends << ".\nA day ends at midnight ("
        << timezone << "). Where a route has a quota too, both hold.\n";
  if (agency.quota.sessions != 0)
    out << "\nAll accounts of your agency together have at most " << agency.quota.sessions
        << " sessions at once.\n";
}

void list_routes(std::ostringstream& out, const std::vector<const route::Route*>& routes,
                 std::string_view folder) {
  for (const route::Route* route : routes) {
    out << "  /" << folder << "/" << route->id << "   " << route::to_string(route->state);
    if (folder == "send") {
      out << ", names:";
      for (const std::string& pattern : route->accept) out << " " << pattern;
      out << ", at most " << route->max_size << " bytes";
      if (route->finish == route::Finish::rename) out << ", uploaded under a temporary name and then renamed";
      if (route->finish == route::Finish::manifest)
        out << ", each followed by its NAME.sha256 as sha256sum prints it";
      if (const std::string sent = amounts(route->quota); !sent.empty())
        out << ", from all who send on it together at most " << sent;
    }
    out << "\n";
  }
  if (routes.empty()) out << "  none\n";
}

void say_host_key(std::ostringstream& out, const HubFacts& hub) {
  out << "\nThis hub's SSH host key: " << hub.host_key_fingerprint << "\n" << hub.coming_host_key();
}

}  // namespace

std::string readme_text(const HubFacts& hub, const route::Policy& policy, const agreement::Agency& agency,
                        const agreement::Account& account) {
  std::ostringstream out;
  out << hub.name << "\n\nYou are " << account.user << ", an account of " << agency.name << " (" << agency.id
      << ").\n\n";
  if (account.role == agreement::AccountRole::auditor) {
    out << "You are an auditor. In /audit is the ledger, for you to copy whole (get -r /audit): plain "
           "files without\nanybody's details. FORMAT.md in it says what they are. Check your copy with "
           "`python3 verify.py .` in it (read\nverify.py and signatures.py first, or run your own copy of "
           "them), or with `chancery ledger verify audit`, and with --policy\nand the log-policy that the "
           "hub "
           "has given you by another way.\n\nThe ledger's name: "
        << hub.origin << "\n";
    say_host_key(out, hub);
    return with_crlf(out.str());
  }
  out << "Routes on which you send: put files here. What you put is listed for a day and cannot be read "
         "back.\n";
  list_routes(out, route::routes_from(policy, agency.id), "send");
  out << "\nRoutes on which you receive: sealed files wait here. Removing one that you have downloaded says "
         "that you\n"
         "have it and take responsibility for it.\n";
  list_routes(out, route::routes_to(policy, agency.id), "collect");
  say_quota(out, agency, policy.timezone);
  out << "\n/receipts tells what became of every file, refused ones too, and what to do: NAME.ID.txt in "
         "words. "
         "NAME.ID.receipt\n"
         "proves it to anybody, offline and for good, and NAME.ID.openings opens to you the details that it "
         "holds locked.\n"
         "Fetch /receipts/log-keys/log-policy once and keep it: with it, a receipt is checked by\n"
         "  chancery receipt verify --policy log-policy --openings NAME.ID.openings --content NAME "
         "NAME.ID.receipt\n";
  if (!agency.seal_to.empty()) {
    out << "\nFiles for you are sealed to these keys, and only their private halves open them (the hub has "
           "none):\n";
    for (const auto& key : agency.seal_to) out << "  " << key.text() << "\n";
    out << "To open one:  chancery open -i identity.txt -o FILE FILE.age\n"
           "or, with age: age -d -i identity.txt -o FILE FILE.age\n"
           "age is at https://age-encryption.org for Windows (winget install FiloSottile.age), macOS and "
           "Linux;\n"
           "keys that begin with age1pq1 need age 1.3 or later.\n";
  }
  say_host_key(out, hub);
  out << "Its ledger: " << hub.origin << "\nThe policy in force: " << policy.hash << "\n";
  return with_crlf(out.str());
}

std::string outcome_name(const transfer::Transfer& transfer) { return receipt_stem(transfer) + ".txt"; }

std::string outcome_text(const HubFacts& hub, const transfer::Transfer& transfer, std::string_view agency) {
  std::ostringstream out;
  out << text::printable(transfer.name) << "\n\nTransfer " << transfer.id << ", route "
      << (transfer.route.empty() ? "unknown" : transfer.route) << ", at " << hub.name << "\n\n";
  for (const transfer::Step& step : transfer.steps) {
    out << hub.show_time(step.time) << "  " << words_for(step.event) << " " << step.agency;
    if (step.agency == agency && !step.account.empty())
      out << " (account " << text::printable(step.account) << ")";
    out << ", ledger entry " << step.seq << "\n";
  }
  if (transfer.outcome != transfer::Outcome::accepted) {
    out << "\nReason (" << transfer.code << "): " << text::printable(transfer.reason) << "\n";
    if (transfer.count > 1) out << "This stands for " << transfer.count << " attempts of the same kind.\n";
  } else if (transfer.sha256.empty()) {
    out << "\nSize and SHA-256 are erased.\n";
  } else {
    out << "\nSize " << transfer.size << " bytes, SHA-256 " << transfer.sha256 << "\n";
  }
  if (transfer.same && transfer.agency == agency)
    out << "The same content was sent as " << text::printable(transfer.same->name) << " on "
        << hub.show_time(transfer.same->time) << ", transfer " << transfer.same->transfer << ".\n";
  out << "\nWhat to do: " << what_to_do(transfer, agency) << "\n";
  return with_crlf(out.str());
}

}  // namespace chancery::tree
