#include <iostream>
#include <stdexcept>

#include "client/cli/commands.h"
#include "client/cli/ledger_reader.h"
#include "client/cli/options.h"
#include "client/cli/trust.h"
#include "ledger/note/proof.h"

namespace chancery::cli {
namespace {

struct Proven {
  note::Proof proof;
  std::uint64_t size;  // of the checkpoint
};

Proven make_proof(LedgerReader& ledger, std::uint64_t seq) {
  if (seq >= ledger.size()) {
    throw std::invalid_argument("there is no entry " + std::to_string(seq) + ": the ledger has " +
                                std::to_string(ledger.size()) + ".");
  }
  const auto checkpoint = ledger.newest_checkpoint();
  const auto parsed = note::parse_note(checkpoint.value_or(""));
  const auto* note = std::get_if<note::Note>(&parsed);
  const auto head = note != nullptr ? note::parse_checkpoint(note->text) : std::nullopt;
  if (!head || head->size <= seq) {
    throw std::runtime_error("no checkpoint covers entry " + std::to_string(seq) +
                             " yet; the running service signs one within a second.");
  }
  return {{ledger.entry(seq), seq, ledger.inclusion(seq, head->size), *checkpoint}, head->size};
}

}  // namespace

int ledger_prove(Arguments arguments) {
  auto options =
      options_of(arguments, "[--policy FILE | --key VKEY] SEQ DIR|SOCKET|EXPORT",
                 "Prints a proof that an entry is in the ledger (c2sp.org/tlog-proof@v1, the entry in its "
                 "extra line), after checking it. It holds no details and can be checked offline.");
  add_trust_options(options);
  options.add_options("hidden")("seq", "", cxxopts::value<std::string>())("where", "",
                                                                          cxxopts::value<std::string>());
  options.parse_positional({"seq", "where"});
  const auto parsed =
      parse(options, arguments, "chancery ledger prove 42 /var/lib/chancery-ledger > 42.tlog-proof");
  if (!parsed) {
    return kOk;
  }
  const std::string where = value_of(*parsed, "where", "");
  if (where.empty()) {
    throw std::invalid_argument(
        "which entry of which ledger? Give its number, then the ledger's folder or socket, or an export.");
  }
  const std::uint64_t seq = number_of("SEQ, which entry to prove,", value_of(*parsed, "seq", ""));
  const auto ledger = open_ledger(where, "");
  const auto [given, policy] = trust_of(*parsed);
  const auto [proof, size] = make_proof(*ledger, seq);
  const auto keys = given.empty() ? keys_good_for(*ledger, size) : given;
  auto wrong = note::check_proof(proof, proof.extra, keys[0].name(), keys);
  if (!wrong && policy) {
    wrong = policy->refuses(std::get<note::Note>(note::parse_note(proof.checkpoint)));
  }
  if (wrong) {
    std::cerr << "chancery: the proof does not hold: " << *wrong << ". Run `chancery ledger verify`.\n";
    return kRefused;
  }
  std::cout << proof.encode();
  return kOk;
}

}  // namespace chancery::cli
