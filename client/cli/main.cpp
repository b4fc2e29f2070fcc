#include <cstdio>
#include <exception>
#include <vector>

#include "client/cli/commands.h"

// The one place where errors of commands are caught and turned into a sentence and an exit status.
int main(int count, char** words) {
  try {
    const std::vector<const char*> arguments(words, words + count);
    return chancery::cli::dispatch(arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "chancery: %s\n", error.what());
    return chancery::cli::kFailed;
  }
}
