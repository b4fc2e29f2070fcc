#include <iostream>
#include <stdexcept>

#include "client/cli/administration.h"
#include "client/cli/commands.h"

namespace chancery::cli {

int erase(Arguments arguments) {
  auto options = options_of(
      arguments, "(--transfer ID | --seqs LIST) --basis WORD --reference TEXT [--yes] SOCKET",
      "Erases the details of ledger entries for good: names of files, accounts, addresses, reasons, digests. "
      "The entries themselves stay, and the ledger still verifies. The key of these details is destroyed, so "
      "that earlier copies of the ledger do not give them away either; copies of the key folder must be "
      "destroyed by hand. For the administrator. Entries on hold are not erased (`chancery ledger hold`).");
  add_entry_options(options);
  options.add_options()("basis",
                        "why: request (of the person), retention, order (of a court or authority), mistake",
                        cxxopts::value<std::string>(), "WORD");
  options.add_options()("reference", "number of the case or the like; it must not name the person",
                        cxxopts::value<std::string>(), "TEXT");
  options.add_options()("yes", "do not ask");
  options.add_options("hidden")("socket", "", cxxopts::value<std::string>());
  options.parse_positional({"socket"});
  const auto parsed =
      parse(options, arguments,
            "chancery erase --transfer 0192f0c1a2b37d4e8f90a1b2c3d4e5f6 --basis request --reference DSR-41 "
            "/run/chancery-ledger/socket");
  if (!parsed) {
    return kOk;
  }
  const std::string socket = socket_of(*parsed);
  const std::string basis = needed(*parsed, "basis");
  const std::string reference = needed(*parsed, "reference");
  const std::string seqs = entries_asked_for(*parsed, socket);
  if (!confirmed("The details of entries " + seqs + " will be gone for good.", parsed->count("yes") != 0)) {
    std::cerr << "chancery: nothing was erased.\n";
    return kRefused;
  }
  service::Client client(socket, service::Role::administrator);
  const service::Appended appended = client.erase(seqs, basis, reference);
  if (const int code = outcome_of(
          appended,
          "What has begun goes on by itself; `chancery ledger show --event detail.erased` tells when "
          "it is done.");
      code != kOk) {
    return code;
  }
  std::cout << "Erased the details of entries " << seqs << ": begun by entry " << appended.seqs.at(0)
            << ", done at entry " << appended.seqs.at(1)
            << ".\nA hub that runs forgets them within two seconds. Now make a new backup of the ledger, and "
               "destroy the copies of its key folder from before.\n";
  return kOk;
}

}  // namespace chancery::cli
