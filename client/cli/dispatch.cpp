#include <algorithm>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "policies/text/nearest.h"

namespace chancery::cli {
namespace {

constexpr std::size_t kMostWords = 3;  // of a command's name

// The longest match wins, so that `policy` and `policy check` can both be commands.
struct Match {
  const Command* command = nullptr;
  std::size_t words = 0;
};

std::string first_words(Arguments words, std::size_t count) {
  std::string name;
  for (std::size_t i = 0; i < std::min(count, words.size()); ++i) {
    name += (i > 0 ? " " : "") + std::string(words[i]);
  }
  return name;
}

Match find(Arguments words) {
  for (std::size_t count = std::min(kMostWords, words.size()); count > 0; --count) {
    const auto found = std::ranges::find(commands(), first_words(words, count), &Command::name);
    if (found != commands().end()) {
      return {&*found, count};
    }
  }
  return {};
}

// The command that may have been meant. More words say more, so they come first.
std::string_view meant_by(Arguments words) {
  for (std::size_t count = kMostWords; count > 0; --count) {
    std::vector<std::string_view> names;
    for (const Command& command : commands()) {
      if (static_cast<std::size_t>(std::ranges::count(command.name, ' ')) + 1 == count) {
        names.push_back(command.name);
      }
    }
    const std::string_view meant = text::nearest(first_words(words, count), names);
    if (!meant.empty()) {
      return meant;
    }
  }
  return {};
}

std::string group_of(std::string_view word) {
  std::string names;
  for (const Command& command : commands()) {
    if (command.name.starts_with(std::string(word) + " ")) {
      names.append(names.empty() ? "`chancery " : ", `chancery ").append(command.name).append("`");
    }
  }
  return names;
}

[[noreturn]] void unknown(Arguments words) {
  const std::string_view meant = meant_by(words);
  for (std::size_t count = std::min(kMostWords - 1, words.size()); count > 0; --count) {
    const std::string begun = first_words(words, count);
    const std::string group = group_of(begun);
    if (!group.empty() && (words.size() == count || meant.empty())) {
      throw std::invalid_argument(std::string("`").append(begun).append("` needs a further word: ") + group +
                                  ".");
    }
  }
  throw std::invalid_argument("there is no command `" + std::string(words[0]) + "`. " +
                              (meant.empty() ? "`chancery --help` lists them all."
                                             : "Did you mean `chancery " + std::string(meant) + "`?"));
}

void print_commands() {
  std::size_t width = 0;
  for (const Command& command : commands()) {
    width = std::max(width, command.name.size());
  }
  std::cout
      << "Secure file exchange with an audit ledger.\n\nUsage: chancery COMMAND [OPTION...]\n\nCommands:\n";
  for (const Command& command : commands()) {
    std::cout << "  " << command.name << std::string(width + 2 - command.name.size(), ' ') << command.summary
              << "\n";
  }
  std::cout << "\n`chancery COMMAND --help` says more, with an example.\n"
               "Exit status: 0 done; 1 the answer is no (findings, a refusal); 2 it could not be done.\n";
}

int invoke(const Match& match, Arguments words) {
  const std::string name = "chancery " + std::string(match.command->name);
  std::vector<const char*> arguments{name.c_str()};
  arguments.insert(arguments.end(), words.begin() + static_cast<std::ptrdiff_t>(match.words), words.end());
  return match.command->run(arguments);
}

}  // namespace

int dispatch(Arguments arguments) {
  const Arguments words = arguments.subspan(1);
  const std::string_view first = words.empty() ? std::string_view() : words[0];
  if (first.empty()) {
    throw std::invalid_argument("which command? `chancery --help` lists them all.");
  }
  if (first == "--help" || first == "-h") {
    print_commands();
    return kOk;
  }
  if (first == "--version") {
    std::cout << "chancery " CHANCERY_VERSION "\n";
    return kOk;
  }
  const Match match = find(words);
  if (match.command == nullptr) {
    unknown(words);
  }
  return invoke(match, words);
}

int help(Arguments arguments) {
  const Arguments words = arguments.subspan(1);
  if (words.empty() || std::string_view(words[0]).starts_with("-")) {
    print_commands();
    return kOk;
  }
  const Match match = find(words);
  if (match.command == nullptr) {
    unknown(words);
  }
  const std::vector<const char*> asked{"", "--help"};
  return invoke({match.command, 1}, asked);
}

}  // namespace chancery::cli
