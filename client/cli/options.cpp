#include "client/cli/options.h"

#include <charconv>
#include <iostream>
#include <stdexcept>

namespace chancery::cli {

cxxopts::Options options_of(Arguments arguments, const std::string& usage, const std::string& about) {
  cxxopts::Options options(arguments[0], about);
  options.custom_help(usage).positional_help("").set_width(100);
  options.add_options()("h,help", "show this help");
  return options;
}

std::optional<cxxopts::ParseResult> parse(cxxopts::Options& options, Arguments arguments,
                                          const std::string& example) {
  std::optional<cxxopts::ParseResult> parsed;
  std::string mistake;
  try {
    parsed = options.parse(static_cast<int>(arguments.size()), arguments.data());
    if (parsed->count("help") == 0 && !parsed->unmatched().empty()) {
      mistake = "unexpected argument '" + parsed->unmatched().front() + "'";
    }
  } catch (const std::exception& error) {  // cxxopts has renamed its exceptions between versions
    mistake = error.what();
  }
  if (!mistake.empty()) {
    throw std::invalid_argument(mistake + ". See `" + arguments[0] + " --help`.");
  }
  if (parsed->count("help") != 0) {
    std::cout << options.help({""}) << "\nExample:\n  " << example << "\n";
    return std::nullopt;
  }
  return parsed;
}

std::string value_of(const cxxopts::ParseResult& parsed, const std::string& option,
                     const std::string& otherwise) {
  return parsed.count(option) != 0 ? parsed[option].as<std::string>() : otherwise;
}

Words values_of(const cxxopts::ParseResult& parsed, const std::string& option) {
  return parsed.count(option) != 0 ? parsed[option].as<Words>() : Words{};
}

std::uint64_t number_of(const std::string& name, const std::string& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw std::invalid_argument(name + " must be a number, not '" + text + "'.");
  }
  return number;
}

}  // namespace chancery::cli
