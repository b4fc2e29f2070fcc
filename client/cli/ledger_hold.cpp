#include <iostream>
#include <stdexcept>

#include "client/cli/administration.h"
#include "client/cli/commands.h"
#include "client/cli/escape.h"

namespace chancery::cli {
namespace {

int list_holds(const std::string& socket) {
  service::Client client(socket, service::Role::reader);
  const auto holds = client.holds();
  for (const service::Hold& hold : holds) {
    std::cout << "entries " << escaped(hold.seqs) << " (" << escaped(hold.basis) << ")\n";
  }
  if (holds.empty()) {
    std::cout << "no hold is in force\n";
  }
  return kOk;
}

int change_hold(const cxxopts::ParseResult& parsed, bool set, const std::string& socket) {
  service::HoldChange change;
  change.set = set;
  change.basis = needed(parsed, "basis");
  change.officer = needed(parsed, "officer");
  change.reason = needed(parsed, "reason");
  change.seqs = entries_asked_for(parsed, socket);
  const std::string seqs = change.seqs;
  if (!set &&
      !confirmed("The details of entries " + seqs + " may be erased then.", parsed.count("yes") != 0)) {
    std::cerr << "chancery: the hold stays.\n";
    return kRefused;
  }
  service::Client client(socket, service::Role::administrator);
  const service::Appended appended = client.change_hold(std::move(change));
  if (const int code = outcome_of(appended, "`chancery ledger hold list` tells whether it was done.");
      code != kOk) {
    return code;
  }
  std::cout << "Entries " << seqs << (set ? " are on hold" : " are on hold no longer") << ": entry "
            << appended.seqs.at(0) << ".\n";
  return kOk;
}

}  // namespace

int ledger_hold(Arguments arguments) {
  auto options = options_of(
      arguments,
      "set|clear|list [(--transfer ID | --seqs LIST) --basis WORD --officer NAME --reason TEXT] SOCKET",
      "Sets a hold, which forbids erasing the details of ledger entries; clears one (with the same entries "
      "and "
      "basis as it was set with); or lists those in force. Setting and clearing is for the administrator.");
  add_entry_options(options);
  options.add_options()("basis", "why: litigation, inquiry, order (of a court or an authority)",
                        cxxopts::value<std::string>(), "WORD");
  options.add_options()("officer", "who decided it", cxxopts::value<std::string>(), "NAME");
  options.add_options()("reason", "in words, with the number of the case", cxxopts::value<std::string>(),
                        "TEXT");
  options.add_options()("yes", "do not ask before clearing");
  options.add_options("hidden")("what", "", cxxopts::value<std::string>());
  options.add_options("hidden")("socket", "", cxxopts::value<std::string>());
  options.parse_positional({"what", "socket"});
  const auto parsed =
      parse(options, arguments,
            "chancery ledger hold set --seqs 12,15-18 --basis litigation --officer 'J. Doe, DPO' "
            "--reason 'case 2026/114' /run/chancery-ledger/socket");
  if (!parsed) {
    return kOk;
  }
  const std::string what = value_of(*parsed, "what", "");
  if (what != "set" && what != "clear" && what != "list") {
    throw std::invalid_argument("`ledger hold` needs one of the words set, clear and list. See `" +
                                std::string(arguments[0]) + " --help`.");
  }
  const std::string socket = socket_of(*parsed);
  return what == "list" ? list_holds(socket) : change_hold(*parsed, what == "set", socket);
}

}  // namespace chancery::cli
