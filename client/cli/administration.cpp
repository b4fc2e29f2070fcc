#include "client/cli/administration.h"

#include <filesystem>
#include <iostream>
#include <stdexcept>

#include <unistd.h>

#include "client/cli/escape.h"
#include "client/cli/ledger_reader.h"
#include "ledger/entry/seqs.h"

namespace chancery::cli {
namespace {

std::string entries_of_transfer(const std::string& transfer, const std::string& socket) {
  std::vector<std::uint64_t> seqs;
  entry::EntryView view;
  open_ledger(socket, "")->visit_texts([&](std::string_view text) {
    if (!entry::parse_into(text, view) && view.plain_value("transfer") == transfer &&
        !view.commitments.empty()) {
      seqs.push_back(view.seq);
    }
    return true;
  });
  if (seqs.empty()) {
    throw std::invalid_argument("no entry of transfer " + escaped(transfer) +
                                " has details. `chancery ledger show` lists the transfers.");
  }
  return entry::format_seqs(std::move(seqs));
}

}  // namespace

void add_entry_options(cxxopts::Options& options) {
  options.add_options()("transfer", "all entries of this transfer", cxxopts::value<std::string>(), "ID");
  options.add_options()("seqs", "these entries: numbers and ranges, such as 12,15-18",
                        cxxopts::value<std::string>(), "LIST");
}

std::string entries_asked_for(const cxxopts::ParseResult& parsed, const std::string& socket) {
  const std::string transfer = value_of(parsed, "transfer", "");
  const std::string seqs = value_of(parsed, "seqs", "");
  if (transfer.empty() == seqs.empty()) {
    throw std::invalid_argument("which entries? Give either --transfer ID or --seqs LIST.");
  }
  return transfer.empty() ? seqs : entries_of_transfer(transfer, socket);
}

std::string socket_of(const cxxopts::ParseResult& parsed) {
  std::string socket = value_of(parsed, "socket", "");
  if (socket.empty()) {
    throw std::invalid_argument("which ledger? Name the socket of the running service.");
  }
  if (!std::filesystem::is_socket(socket)) {
    throw std::invalid_argument(socket + " is not the socket of a running chancery-ledgerd.");
  }
  return socket;
}

std::string needed(const cxxopts::ParseResult& parsed, const std::string& option) {
  std::string value = value_of(parsed, option, "");
  if (value.empty()) {
    throw std::invalid_argument("--" + option + " is missing. --help says what it is.");
  }
  return value;
}

bool confirmed(const std::string& question, bool yes) {
  if (yes) {
    return true;
  }
  if (::isatty(STDIN_FILENO) == 0) {
    std::cerr << question << " Nobody can be asked here: give --yes to go on.\n";
    return false;
  }
  std::cerr << question << " Type yes to go on: " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "yes";
}

int outcome_of(const service::Appended& appended, const std::string& if_unknown) {
  switch (appended.outcome) {
    case service::Outcome::durable:
      return kOk;
    case service::Outcome::refused:
      std::cerr << "chancery: " << escaped(appended.reason) << ".\n";
      return appended.try_again ? kFailed : kRefused;
    case service::Outcome::unknown:
      break;
  }
  std::cerr << "chancery: " << escaped(appended.reason) << ". " << if_unknown << "\n";
  return kFailed;
}

}  // namespace chancery::cli
