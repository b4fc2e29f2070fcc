#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// A list's values are given one by one: a file's name may have a comma in it.
#define CXXOPTS_VECTOR_DELIMITER '\n'
#include <cxxopts.hpp>

#include "client/cli/commands.h"

// Command lines of single commands, on top of cxxopts.
namespace chancery::cli {

using Words = std::vector<std::string>;

// The options of the command whose arguments these are, with --help. `usage` is what follows the command's
// name
// ("-r RECIPIENT... [IN]"), `about` one or two sentences. Options of the group "hidden" are not in the help:
// such are the names given to positional arguments.
cxxopts::Options options_of(Arguments arguments, const std::string& usage, const std::string& about);

// Parses. nullopt when help was asked for: it has been printed, with `example`, and the command returns kOk.
// A mistake throws std::invalid_argument with a pointer to --help.
std::optional<cxxopts::ParseResult> parse(cxxopts::Options& options, Arguments arguments,
                                          const std::string& example);

// The value of an option that may be absent, and the values of one that may be repeated.
std::string value_of(const cxxopts::ParseResult& parsed, const std::string& option,
                     const std::string& otherwise);
Words values_of(const cxxopts::ParseResult& parsed, const std::string& option);

// A number below 2^64; `name` is what the command line calls it. Throws std::invalid_argument.
std::uint64_t number_of(const std::string& name, const std::string& text);

}  // namespace chancery::cli
