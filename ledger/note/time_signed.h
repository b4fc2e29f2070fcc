#pragma once

#include <cstdint>
#include <optional>

#include "ledger/note/note.h"

namespace chancery::note {

// The time, in seconds since 1970, that the first ML-DSA-44 signature of the note's own log states
// (tlog-cosignature), whether or not it verifies. nullopt if there is none, and for one after the year 9999,
// which no entry and no page can be of.
std::optional<std::uint64_t> time_signed(const Note& note);

}  // namespace chancery::note
