// Whether a ledger that grows stays as fast: growth_bench [LARGEST [FOLDER [keep]]]. At every power of ten
// from 1,000 entries on: appends a second at batch 256, and the microseconds of one proof and of one lookup
// by id. The ledger is made below FOLDER and removed in the end, or kept as FOLDER/ledger.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string_view>
#include <vector>

#include "tests/bench/append_all.h"
#include "tests/unit/temporary_folder.h"

namespace {

using namespace chancery;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kBatch = 256;
constexpr std::size_t kOnTheirWay = 8;
constexpr std::size_t kAsked = 1000;

entry::Event opened() {
  entry::Event event;
  event.id = entry::new_id();
  event.name = "delivery.opened";
  event.plain = {{"agency", "northmoor-council"},
                 {"object", "0f0e0d0c0b0a09080706050403020100"},
                 {"transfer", entry::to_hex(event.id)}};
  event.committed = {{"account", "analyst-1"}, {"address", "192.0.2.117"}, {"key", "SHA256:bench"}};
  return event;
}

double microseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

// Appends `count` entries, remembers an id of each batch, and answers entries a second.
double append(log::Log& log, std::size_t count, std::vector<entry::EventId>& ids) {
  return append_all(log, kOnTheirWay, [&] {
    std::vector<entry::Event> batch(std::min(kBatch, count));
    std::ranges::generate(batch, opened);
    count -= batch.size();
    if (!batch.empty()) ids.push_back(batch.front().id);
    return batch;
  });
}

// The median of asking `kAsked` times.
template <typename Ask>
double median_of(const Ask& ask) {
  std::vector<double> times;
  for (std::size_t i = 0; i < kAsked; ++i) {
    const auto begin = Clock::now();
    ask();
    times.push_back(microseconds_since(begin));
  }
  std::ranges::nth_element(times, times.begin() + kAsked / 2);
  return times[kAsked / 2];
}

}  // namespace

int main(int count, char** arguments) {
  const std::size_t largest = count > 1 ? std::strtoul(arguments[1], nullptr, 10) : 1'000'000;
  const std::filesystem::path parent =
      count > 2 ? std::filesystem::path(arguments[2]) : std::filesystem::temp_directory_path();
  const bool keep = count > 3 && std::string_view(arguments[3]) == "keep";
  const std::filesystem::path folder = keep ? parent : make_temporary_folder("growth-bench", parent);
  {
    log::Log log({folder / "ledger", folder / "keys", "bench.example.org/ledger"});
    std::vector<entry::EventId> ids;
    std::mt19937_64 random(1);  // which entries are asked for: the same in every run
    std::printf("%-12s %14s %12s %12s\n", "entries", "appends/s", "proof (us)", "lookup (us)");
    for (std::size_t size = 1000; size <= largest; size *= 10) {
      const double rate = append(log, size - log.head().size, ids);
      const std::uint64_t now = log.head().size;
      const double proof = median_of([&] {
        if (!log.inclusion(random() % now, now)) std::abort();
      });
      const double lookup = median_of([&] {
        if (!log.find(ids[random() % ids.size()])) std::abort();
      });
      std::printf("%-12llu %14.0f %12.1f %12.1f\n", static_cast<unsigned long long>(now), rate, proof,
                  lookup);
      std::fflush(stdout);
    }
  }
  if (!keep) std::filesystem::remove_all(folder);
  return 0;
}
