// How many appends a second are durable: ledger_bench [ENTRIES [FOLDER]]. One caller, events like those of an
// upload, at batch 1 one after another, batch 1 with many on their way, and batch 256; with the disk's own
// fdatasync beside.
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "tests/bench/append_all.h"
#include "tests/unit/temporary_folder.h"

namespace {

using namespace chancery;
using Seconds = std::chrono::duration<double>;
using Clock = std::chrono::steady_clock;

entry::Event accepted() {
  entry::Event event;
  event.id = entry::new_id();
  event.name = "file.accepted";
  event.plain = {{"agency", "st-marys-hospital"},
                 {"agreement", "maternity-2026"},
                 {"outputs", "3"},
                 {"policy", "5f8c0d9f4c1f0f3f5f8c0d9f4c1f0f3f5f8c0d9f4c1f0f3f5f8c0d9f4c1f0f3f"},
                 {"route", "maternity-cc"},
                 {"transfer", entry::to_hex(event.id)}};
  event.committed = {{"account", "analyst-1"},
                     {"address", "192.0.2.117"},
                     {"key", "SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDSbrRMdvCVPZ3hhNQ"},
                     {"name", "contacts-2026-10.csv"},
                     {"rows-in", "1834"},
                     {"rows-out", "1790"},
                     {"sha256", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
                     {"size", "183423"},
                     {"subjects", "1790"}};
  return event;
}

// Milliseconds of writing 4 KiB at the end of a file and flushing it.
double flush_time(const std::filesystem::path& folder) {
  constexpr int kRounds = 100;
  const auto path = folder / "flush";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const std::array<char, 4096> block{};
  const auto begin = Clock::now();
  for (int i = 0; i < kRounds; ++i) {
    if (::write(file, block.data(), block.size()) < 0 || ::fdatasync(file) != 0) std::abort();
  }
  const double each = Seconds(Clock::now() - begin).count() * 1000 / kRounds;
  ::close(file);
  return each;
}

// Appends `count` entries with at most `most` batches on their way; answers entries a second. The events are
// made beforehand: making them is the caller's own work.
double measure(log::Log& log, std::size_t count, std::size_t batch_size, std::size_t most) {
  std::vector<std::vector<entry::Event>> batches(count / batch_size);
  for (auto& batch : batches) {
    for (std::size_t i = 0; i < batch_size; ++i) batch.push_back(accepted());
  }
  auto next = batches.begin();
  return append_all(log, most,
                    [&] { return next == batches.end() ? std::vector<entry::Event>() : std::move(*next++); });
}

}  // namespace

int main(int count, char** arguments) {
  const std::size_t entries = count > 1 ? std::strtoul(arguments[1], nullptr, 10) : 100'000;
  const std::filesystem::path folder =
      make_temporary_folder("ledger-bench", count > 2 ? std::filesystem::path(arguments[2])
                                                      : std::filesystem::temp_directory_path());
  {
    log::Log log({folder / "ledger", folder / "keys", "bench.example.org/ledger", log::Clock::system(),
                  store::kMapBytes});
    struct Run {
      const char* what;
      std::size_t count, batch, most;
    };
    std::printf("%-32s %12s %16s %10s\n", "append", "entries/s", "fdatasync (ms)", "in ledger");
    for (const Run& run : {Run{"batch 1, one after another", entries / 50, 1, 1},
                           Run{"batch 1, 512 on their way", entries, 1, 512},
                           Run{"batch 256, 8 on their way", entries, 256, 8}}) {
      const double flush = flush_time(folder);
      const double rate = measure(log, run.count, run.batch, run.most);
      std::printf("%-32s %12.0f %16.3f %10llu\n", run.what, rate, flush,
                  static_cast<unsigned long long>(log.head().size));
      std::fflush(stdout);
    }
  }
  std::filesystem::remove_all(folder);
  return 0;
}
