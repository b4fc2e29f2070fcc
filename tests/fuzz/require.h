#pragma once

#include <cstdlib>

// What a fuzz target promises of any input: where it does not hold, the program ends and libFuzzer keeps the
// input.
inline void require(bool holds) {
  if (!holds) std::abort();
}
