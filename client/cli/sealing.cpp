#include "client/cli/sealing.h"

#include <algorithm>
#include <thread>

namespace chancery::cli {

void add_in_and_out(cxxopts::Options& options) {
  options.add_options()("o,output", "write to OUT, whole or not at all", cxxopts::value<std::string>(),
                        "OUT");
  options.add_options("hidden")("in", "", cxxopts::value<std::string>());
  options.parse_positional({"in"});
}

unsigned sealing_threads() { return std::clamp(std::thread::hardware_concurrency(), 1U, 4U); }

}  // namespace chancery::cli
