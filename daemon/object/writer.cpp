#include "daemon/object/writer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <limits>
#include <new>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/object/beside.h"

namespace chancery::object {

namespace {

// Of which offset and size of a direct write are multiples; mmap sees to the address.
constexpr std::size_t kBlock = 4096;
constexpr std::size_t kPiece = std::size_t{1} << 19U;
static_assert(kPiece % kBlock == 0);

bool set_direct(int file, bool direct) {
  const int flags = ::fcntl(file, F_GETFL);
  const int wanted = direct ? flags | O_DIRECT : flags & ~O_DIRECT;
  return flags >= 0 && flags != wanted && ::fcntl(file, F_SETFL, wanted) == 0;
}

// Some file systems let a file be set so, and find out when it is written; then it goes through the cache
// after all.
void write_all(int file, std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file, bytes.data(), bytes.size());
    if (count > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
      continue;
    }
    const int error = count == 0 ? EIO : errno;
    if (error == EINTR || (error == EINVAL && set_direct(file, false))) continue;
    throw std::system_error(error, std::generic_category(), "cannot write an object");
  }
}

// Pages of its own, which no allocator keeps afterwards.
struct Unmap {
  void operator()(std::uint8_t* pages) const noexcept { ::munmap(pages, kPiece); }
};
using Piece = std::unique_ptr<std::uint8_t, Unmap>;

Piece make_piece() {
  void* const pages = ::mmap(nullptr, kPiece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  return Piece(static_cast<std::uint8_t*>(pages));
}

}  // namespace

struct Writer::Gathered {
  explicit Gathered(Place place) : held(std::move(place)) {}
  Place held;
  std::array<Piece, 2> pieces{make_piece(), make_piece()};
  std::size_t current = 0;  // which of them is being filled
  std::size_t used = 0;     // bytes of it
  Beside writing;           // the other one, if it is on its way
};

Writer::Writer(int file, Places& places) : file_(file), places_(&places), direct_from_(16 * kPiece) {}
Writer::~Writer() = default;  // a write on its way is waited for
Writer::Writer(Writer&&) noexcept = default;

Places& Writer::shared_places() {
  static Places places(kPlaces);
  return places;
}

void Writer::write(std::span<const std::uint8_t> bytes) {
  if (!gathered_ && size_ + bytes.size() >= direct_from_) {
    const auto before = bytes.first(direct_from_ - size_);
    write_all(file_, before);
    size_ += before.size();
    bytes = bytes.subspan(before.size());
    if (Place place = take_place(*places_); place && set_direct(file_, true))
      gathered_ = std::make_unique<Gathered>(std::move(place));
    else
      direct_from_ = std::numeric_limits<std::uint64_t>::max();
  }
  if (gathered_)
    gather(bytes);
  else
    write_all(file_, bytes);
  size_ += bytes.size();
}

void Writer::gather(std::span<const std::uint8_t> bytes) {
  Gathered& all = *gathered_;
  while (!bytes.empty()) {
    const std::span piece(all.pieces[all.current].get(), kPiece);
    const auto taken = bytes.first(std::min(bytes.size(), kPiece - all.used));
    // To GCC 12 std::ranges::copy is a loop of single bytes here.
    std::memcpy(piece.data() + all.used, taken.data(), taken.size());
    all.used += taken.size();
    bytes = bytes.subspan(taken.size());
    if (all.used < kPiece) return;
    all.writing.run([file = file_, piece] { write_all(file, piece); });
    all.current = 1 - all.current;
    all.used = 0;
  }
}

void Writer::flush() {
  if (!gathered_) return;
  gathered_->writing.wait();
  set_direct(file_, false);  // what is left is no whole number of blocks
  write_all(file_, {gathered_->pieces[gathered_->current].get(), gathered_->used});
  gathered_.reset();
  direct_from_ = (size_ + kBlock - 1) / kBlock * kBlock;
}

}  // namespace chancery::object
