#pragma once

#include "client/cli/options.h"

// What `seal` and `open` have in common.
namespace chancery::cli {

// -o OUT and IN: value_of(parsed, "output", "-") and value_of(parsed, "in", "-").
void add_in_and_out(cxxopts::Options& options);

// How many work on a file at once: one core does not keep up with a fast disk.
unsigned sealing_threads();

}  // namespace chancery::cli
