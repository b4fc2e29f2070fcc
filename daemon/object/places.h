#pragma once

#include <cstddef>
#include <memory>
#include <semaphore>

namespace chancery::object {

// How many large files may hold memory at a time, so that no number of them that are left open takes all of
// it. Thread-safe; outlives its places.
using Places = std::counting_semaphore<>;

struct GiveBack {
  void operator()(Places* places) const noexcept { places->release(); }
};
// Given back at its end.
using Place = std::unique_ptr<Places, GiveBack>;

// None if all are taken: a file then goes on without that memory, somewhat slower.
inline Place take_place(Places& places) { return Place(places.try_acquire() ? &places : nullptr); }

// Of the whole process: of writers, 1 MiB each, and of files that are hashed, 640 KiB each.
constexpr std::ptrdiff_t kPlaces = 128;

}  // namespace chancery::object
