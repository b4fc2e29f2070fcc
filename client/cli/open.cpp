#include <algorithm>
#include <stdexcept>
#include <thread>

#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/keys.h"
#include "client/cli/options.h"
#include "policies/seal/seal.h"

namespace chancery::cli {
namespace {

// One core does not keep up with a fast disk.
unsigned threads() { return std::clamp(std::thread::hardware_concurrency(), 1U, 4U); }

}  // namespace

int open(Arguments arguments) {
  auto options =
      options_of(arguments, "-i IDENTITY_FILE... [-o OUT] [IN]",
                 "Opens a sealed file, binary or armored. Without IN, standard input; without -o, standard "
                 "output: then what has been written before an error is correct but not all, and must be "
                 "thrown away.");
  options.add_options()("i,identity", "open with the identities in this file (repeatable)",
                        cxxopts::value<Words>(), "IDENTITY_FILE");
  options.add_options()("o,output", "write to OUT, whole or not at all", cxxopts::value<std::string>(),
                        "OUT");
  options.add_options("hidden")("in", "", cxxopts::value<std::string>());
  options.parse_positional({"in"});
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
        threads());
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
