#include <algorithm>
#include <stdexcept>

#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/keys.h"
#include "client/cli/options.h"
#include "client/cli/sealing.h"
#include "policies/seal/seal.h"

namespace chancery::cli {

int open(Arguments arguments) {
  auto options =
      options_of(arguments, "-i IDENTITY_FILE... [-o OUT] [IN]",
                 "Opens a sealed file, binary or armored. Without IN, standard input; without -o, standard "
                 "output: then what has been written before an error is correct but not all, and must be "
                 "thrown away.");
  options.add_options()("i,identity", "open with the identities in this file (repeatable)",
                        cxxopts::value<Words>(), "IDENTITY_FILE");
  add_in_and_out(options);
  const auto parsed = parse(options, arguments, "chancery open -i council.key -o oct.csv oct.csv.age");
  if (!parsed) {
    return kOk;
  }
  std::vector<seal::Identity> identities;
  for (const std::string& path : values_of(*parsed, "identity")) {
    std::ranges::move(read_identities(path), std::back_inserter(identities));
  }
  if (identities.empty()) {
    throw std::invalid_argument(
        "there is no identity to open with. Name the file `chancery keygen` made with -i.");
  }
  Output output(value_of(*parsed, "output", "-"));
  bool written = false;
  try {
    chancery::seal::Opener opener(
        std::move(identities),
        [&](std::span<const std::uint8_t> bytes) {
          output.write(bytes);
          written = true;
        },
        sealing_threads());
    read_through(value_of(*parsed, "in", "-"), "opening",
                 [&](std::span<const std::uint8_t> bytes) { opener.update(bytes); });
    opener.finish();
  } catch (const chancery::seal::OpenError& error) {
    throw std::runtime_error(std::string(error.what()) +
                             (written && output.to_standard_output()
                                  ? ". Throw away what has been written: it is not the whole file."
                                  : "."));
  }
  output.commit();
  return kOk;
}

}  // namespace chancery::cli
