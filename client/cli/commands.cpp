#include "client/cli/commands.h"

#include <array>

namespace chancery::cli {
namespace {

constexpr std::array kCommands{
    Command{"help", "show what a command does", help},
};

}  // namespace

std::span<const Command> commands() { return kCommands; }

}  // namespace chancery::cli
