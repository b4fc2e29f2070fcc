#pragma once

#include <cstddef>
#include <cstdint>

namespace chancery::store {

// Gives the kernel back the pages of a map that a reader is done with. Pages of the file count as the
// process's memory once they were read, so that whoever reads a ledger through would seem to need all of it.
// They are only unmapped: what was read stays readable, at the price of a fault that mostly finds the page in
// the kernel's cache. Not to be shared between threads.
class PagesRead {
 public:
  // What lies at `begin` was read, in one map for all calls of one object. It must be a file's that is
  // mapped for reading alone.
  void add(const void* begin, std::size_t length) { add(begin, length, length); }
  // The same for a row that is far from the one before: little else that was mapped with it will be read.
  void add_alone(const void* begin, std::size_t length) { add(begin, length, length + kAlone); }

 private:
  static constexpr std::size_t kAlone = std::size_t{128} << 10;
  struct Span {
    std::uintptr_t begin = UINTPTR_MAX;
    std::uintptr_t end = 0;
    void widen(const Span& by);
    void unmap() const;
  };

  void add(const void* begin, std::size_t length, std::size_t cost);

  Span all_;              // all that was ever read, and what lies between
  Span now_;              // since the last time that something was given back
  std::size_t cost_ = 0;  // in bytes, since then
  unsigned rounds_ = 0;
};

}  // namespace chancery::store
