#include "client/cli/commands.h"

#include <array>

namespace chancery::cli {
namespace {

constexpr std::array kCommands{
    Command{"keygen", "make a key pair to receive files with", keygen},
    Command{"seal", "seal a file to its recipients", seal},
    Command{"open", "open a sealed file", open},
    Command{"help", "show what a command does", help},
};

}  // namespace

std::span<const Command> commands() { return kCommands; }

}  // namespace chancery::cli
