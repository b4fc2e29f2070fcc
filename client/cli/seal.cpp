#include "policies/seal/seal.h"

#include <algorithm>
#include <stdexcept>

#include <unistd.h>

#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/keys.h"
#include "client/cli/options.h"
#include "client/cli/sealing.h"

namespace chancery::cli {

int seal(Arguments arguments) {
  auto options =
      options_of(arguments, "-r RECIPIENT... [-R FILE...] [-o OUT] [IN]",
                 "Seals a file so that only the recipients can open it, with `chancery open` or `age -d`. "
                 "Without IN, standard input; without -o, standard output.");
  options.add_options()("r,recipient", "seal to this public key (repeatable)", cxxopts::value<Words>(),
                        "RECIPIENT");
  options.add_options()("R,recipients-file", "seal to every public key in FILE (repeatable)",
                        cxxopts::value<Words>(), "FILE");
  add_in_and_out(options);
  const auto parsed = parse(options, arguments,
                            "chancery seal -r age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj "
                            "-o oct.csv.age oct.csv");
  if (!parsed) {
    return kOk;
  }
  std::vector<seal::Recipient> recipients;
  for (const std::string& text : values_of(*parsed, "recipient")) {
    recipients.push_back(recipient_of(text));
  }
  for (const std::string& path : values_of(*parsed, "recipients-file")) {
    std::ranges::move(read_recipients(path), std::back_inserter(recipients));
  }
  if (recipients.empty()) {
    throw std::invalid_argument(
        "there is nobody to seal to. Give a public key with -r, or a file of them with -R.");
  }
  Output output(value_of(*parsed, "output", "-"));
  if (output.to_standard_output() && ::isatty(STDOUT_FILENO) == 1) {
    throw std::invalid_argument("a sealed file is binary and would upset the terminal. Name a file with -o.");
  }
  chancery::seal::Sealer sealer(
      recipients, [&](std::span<const std::uint8_t> bytes) { output.write(bytes); }, sealing_threads());
  read_through(value_of(*parsed, "in", "-"), "sealing",
               [&](std::span<const std::uint8_t> bytes) { sealer.update(bytes); });
  sealer.finish();
  output.commit();
  return kOk;
}

}  // namespace chancery::cli
