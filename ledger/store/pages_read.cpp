#include "ledger/store/pages_read.h"

#include <algorithm>

#include <sys/mman.h>
#include <unistd.h>

namespace chancery::store {
namespace {

// With a row the kernel maps what lies around it, where that is in its cache: 16 pages, or newer ones up to
// 2 MiB. Rows of so many bytes in all, scattered as rows of a ledger are, then hold some 20 MiB at the most.
constexpr std::size_t kRound = std::size_t{1} << 20;
// Of a row, with its key.
constexpr std::size_t kLeast = 64;
// That around the rows is found when the whole stretch is gone through, which takes a millisecond for some
// GiB.
constexpr unsigned kRoundsToAll = 64;

}  // namespace

void PagesRead::Span::widen(const Span& by) {
  begin = std::min(begin, by.begin);
  end = std::max(end, by.end);
}

void PagesRead::Span::unmap() const {
  static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const std::uintptr_t first = begin / page * page;
  // A kernel that will not do it leaves the memory as it was, and the reading too.
  static_cast<void>(::madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED));
}

void PagesRead::add(const void* begin, std::size_t length, std::size_t cost) {
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  now_.widen({address, address + length});
  cost_ += std::max(cost, kLeast);
  if (cost_ < kRound) return;
  all_.widen(now_);
  (++rounds_ % kRoundsToAll == 0 ? all_ : now_).unmap();
  // The next stretch begins where this one ended, so that nothing is left between them.
  now_ = {now_.end - 1, now_.end};
  cost_ = 0;
}

}  // namespace chancery::store
