#pragma once

#include <filesystem>

// chanceryd put together: configuration, ledger, exchange, tree and network made one running hub.
namespace chancery::start {

// Prints every mistake in DIR's configuration, or that there is none. The exit code: 0, or 2 with mistakes.
int check(const std::filesystem::path& directory);

// Runs the hub until SIGTERM or SIGINT. The exit code: 0 after an orderly stop, 2 when the configuration has
// mistakes. Throws std::exception, with a sentence, for what else keeps it from starting.
int serve(const std::filesystem::path& directory);

}  // namespace chancery::start
