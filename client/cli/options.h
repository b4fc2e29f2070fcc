#pragma once

#include <optional>
#include <string>

#include <cxxopts.hpp>

#include "client/cli/commands.h"

// Command lines of single commands, on top of cxxopts.
namespace chancery::cli {

// The options of the command whose arguments these are, with --help. `usage` is what follows the command's
// name
// ("-r RECIPIENT... [IN]"), `about` one or two sentences.
cxxopts::Options options_of(Arguments arguments, const std::string& usage, const std::string& about);

// Parses. nullopt when help was asked for: it has been printed, with `example`, and the command returns kOk.
// A mistake throws std::invalid_argument with a pointer to --help.
std::optional<cxxopts::ParseResult> parse(cxxopts::Options& options, Arguments arguments,
                                          const std::string& example);

}  // namespace chancery::cli
