#include "policies/seal/stream.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "policies/seal/chunk_cipher.h"

namespace chancery::seal {
namespace {

constexpr std::size_t kStride = kChunk + kTag;  // of a sealed chunk
constexpr std::size_t kChunksPerThread = 4;

// `no_last` and `trailing` are found at a chunk that is itself good.
enum class Problem { none, truncated, altered, empty_last, no_last, trailing };

const char* sentence(Problem problem) {
  switch (problem) {
    case Problem::truncated:
    case Problem::no_last:
      return "the file is truncated: it ends before its last chunk";
    case Problem::empty_last:
      return "the payload ends with an empty chunk, which no correct program writes";
    case Problem::trailing:
      return "the payload goes on after its last chunk";
    case Problem::altered:
    case Problem::none:
      break;
  }
  return "the payload has been altered or truncated: a chunk does not authenticate";
}

// Chunks in a row, worked on as one.
struct Batch {
  std::vector<std::uint8_t> bytes;
  std::size_t chunks = 0;       // begun
  std::size_t last_filled = 0;  // bytes of input in the last of them
  std::uint64_t first = 0;      // the number of the first chunk
  bool ends = false;            // the last chunk is the payload's last
  // The result.
  std::size_t good = 0;
  Problem problem = Problem::none;
  std::exception_ptr error;
  bool done = false;
};

void seal_batch(ChunkCipher& cipher, Batch& batch) {
  for (std::size_t i = 0; i < batch.chunks; ++i) {
    const bool here = i + 1 == batch.chunks;
    const std::size_t size = (here ? batch.last_filled : kChunk) + kTag;
    cipher.seal(std::span(batch.bytes).subspan(i * kStride, size), batch.first + i, here && batch.ends);
  }
  batch.good = batch.chunks;
}

Problem open_chunk(ChunkCipher& cipher, std::span<std::uint8_t> chunk, std::uint64_t number, bool last) {
  if (chunk.size() < kTag) {
    return Problem::truncated;
  }
  if (chunk.size() == kTag && number > 0) {
    return Problem::empty_last;
  }
  if (cipher.open(chunk, number, last)) {
    return Problem::none;
  }
  if (!last && cipher.open(chunk, number, true)) {
    return Problem::trailing;
  }
  return last && chunk.size() == kStride && cipher.open(chunk, number, false) ? Problem::no_last
                                                                              : Problem::altered;
}

void open_batch(ChunkCipher& cipher, Batch& batch) {
  for (batch.good = 0; batch.good < batch.chunks; ++batch.good) {
    const bool here = batch.good + 1 == batch.chunks;
    const std::size_t size = here ? batch.last_filled : kStride;
    batch.problem = open_chunk(cipher, std::span(batch.bytes).subspan(batch.good * kStride, size),
                               batch.first + batch.good, here && batch.ends);
    if (batch.problem != Problem::none) {
      batch.good += batch.problem == Problem::trailing || batch.problem == Problem::no_last ? 1 : 0;
      return;
    }
  }
}

void work(Direction direction, ChunkCipher& cipher, Batch& batch) noexcept {
  try {
    direction == Direction::seal ? seal_batch(cipher, batch) : open_batch(cipher, batch);
  } catch (...) {
    batch.error = std::current_exception();
  }
}

}  // namespace

struct Stream::State {
  State(Direction direction_given, const Key& key, const Sink& sink_given, unsigned threads)
      : direction(direction_given), sink(sink_given), batches(threads > 1 ? 2 * threads + 1 : 1) {
    for (Batch& batch : batches) {
      batch.bytes.resize(kStride * (threads > 1 ? kChunksPerThread : 1));
    }
    if (threads <= 1) {
      own = std::make_unique<ChunkCipher>(direction, key);
      return;
    }
    for (unsigned i = 0; i < threads; ++i) {
      workers.emplace_back([this, key](const std::stop_token& stop) { serve(stop, key); });
    }
  }

  ~State() {
    for (std::jthread& worker : workers) {
      worker.request_stop();
    }
    workers.clear();  // joins, before what the workers use goes
    if (direction == Direction::seal) {
      return;
    }
    for (Batch& batch : batches) {
      wipe(batch.bytes);
    }
  }

  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void serve(const std::stop_token& stop, const Key& key) {
    ChunkCipher cipher(direction, key);
    std::unique_lock lock(mutex);
    while (wake.wait(lock, stop, [this] { return !queue.empty(); })) {
      Batch& batch = *queue.front();
      queue.pop_front();
      lock.unlock();
      work(direction, cipher, batch);
      lock.lock();
      batch.done = true;
      finished.notify_one();
    }
  }

  Batch& filling() { return batches[(oldest + in_flight) % batches.size()]; }

  // Hands the batch being filled to be worked on, and makes room for another.
  void submit(bool ends) {
    Batch& batch = filling();
    batch.ends = ends;
    batch.first = next;
    next += batch.chunks;
    if (own) {
      work(direction, *own, batch);
      deliver(batch);
      return;
    }
    {
      const std::scoped_lock lock(mutex);
      queue.push_back(&batch);
    }
    wake.notify_one();
    ++in_flight;
    if (in_flight == batches.size()) {
      drain_one();
    }
  }

  void drain_one() {
    Batch& batch = batches[oldest];
    {
      std::unique_lock lock(mutex);
      finished.wait(lock, [&] { return batch.done; });
    }
    oldest = (oldest + 1) % batches.size();
    --in_flight;
    deliver(batch);
  }

  void deliver(Batch& batch) {
    if (batch.error) {
      std::rethrow_exception(batch.error);
    }
    const std::size_t overhead = direction == Direction::seal ? 0 : kTag;
    if (direction == Direction::seal) {
      sink(std::span(batch.bytes).first((batch.chunks - 1) * kStride + batch.last_filled + kTag));
    }
    for (std::size_t i = 0; direction == Direction::open && i < batch.good; ++i) {
      const std::size_t size = i + 1 == batch.chunks ? batch.last_filled : kStride;
      if (size > overhead) {
        sink(std::span(batch.bytes).subspan(i * kStride, size - overhead));
      }
    }
    if (batch.problem != Problem::none) {
      throw OpenError(Failure::payload, sentence(batch.problem));
    }
    batch.chunks = 0;
    batch.last_filled = 0;
    batch.done = false;
  }

  const Direction direction;
  const Sink& sink;
  std::vector<Batch> batches;  // a ring: in_flight of them from `oldest`, then the one being filled
  std::size_t oldest = 0;
  std::size_t in_flight = 0;
  std::uint64_t next = 0;
  std::unique_ptr<ChunkCipher> own;  // without threads

  std::mutex mutex;  // guards queue and each batch's `done`
  std::condition_variable_any wake;
  std::condition_variable finished;
  std::deque<Batch*> queue;
  std::vector<std::jthread> workers;
};

Stream::Stream(Direction direction, const Key& payload_key, const Sink& sink, unsigned threads)
    : state_(std::make_unique<State>(direction, payload_key, sink, threads)) {}

Stream::~Stream() = default;

void Stream::update(std::span<const std::uint8_t> bytes) {
  const std::size_t unit = state_->direction == Direction::seal ? kChunk : kStride;
  while (!bytes.empty()) {
    Batch* batch = &state_->filling();
    if (batch->chunks > 0 && batch->last_filled == unit) {
      if (batch->chunks * kStride == batch->bytes.size()) {
        state_->submit(false);  // more follows, so none of these is the last
        batch = &state_->filling();
      }
      batch->last_filled = 0;
      ++batch->chunks;
    } else if (batch->chunks == 0) {
      batch->chunks = 1;
    }
    const std::size_t size = std::min(bytes.size(), unit - batch->last_filled);
    std::memcpy(&batch->bytes[(batch->chunks - 1) * kStride + batch->last_filled], bytes.data(), size);
    batch->last_filled += size;
    bytes = bytes.subspan(size);
  }
}

void Stream::finish() {
  Batch& batch = state_->filling();
  batch.chunks = std::max<std::size_t>(batch.chunks, 1);
  state_->submit(true);
  while (state_->in_flight > 0) {
    state_->drain_one();
  }
}

}  // namespace chancery::seal
