// How fast a ledger is verified, against SHA-256 alone over the same bytes: verify_bench [ENTRIES [FOLDER]].
// Makes a ledger of file.accepted entries on disk, checks it as `chancery ledger verify` does, and removes
// it.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>

#include <unistd.h>

#include "ledger/entry/event_table.h"
#include "ledger/store/store.h"
#include "ledger/verify/verify.h"

namespace {

using namespace chancery;
using Seconds = std::chrono::duration<double>;
using Clock = std::chrono::steady_clock;

constexpr const char* kOrigin = "example.org/bench";
constexpr std::size_t kBatch = 1024;

double cpu_seconds() {
  std::timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double seconds_of(const auto& work) {
  const auto begin = Clock::now();
  work();
  return Seconds(Clock::now() - begin).count();
}

struct Keys {
  note::SigningKey ed25519 = note::SigningKey::generate(note::KeyType::ed25519, kOrigin);
  note::SigningKey ml_dsa = note::SigningKey::generate(note::KeyType::ml_dsa_44, kOrigin);
};

entry::Entry make_entry(std::uint64_t seq, const merkle::Hash& prev, const Keys& keys) {
  entry::Entry made;
  made.seq = seq;
  made.prev = prev;
  made.time = 1'793'611'800'000'000 + static_cast<entry::Micros>(seq);
  made.id = entry::new_id();
  made.event = seq == 0 ? "log.genesis" : "file.accepted";
  const entry::EventRow* row = entry::find_event(made.event);
  for (const std::string_view field : row->plain) {
    made.plain[std::string(field)] = "some-value";
  }
  for (const entry::CommittedField& field : row->committed) {
    made.commitments[std::string(field.key)] = prev;
  }
  if (seq == 0) {
    made.plain["origin"] = kOrigin;
    made.plain["vkey"] = keys.ed25519.verifier().text();
    made.plain["mldsa-vkey"] = keys.ml_dsa.verifier().text();
  }
  return made;
}

// Answers the entries' bytes.
std::uint64_t make_ledger(const std::filesystem::path& folder, std::uint64_t size) {
  const Keys keys;
  store::Store store = store::Store::open(folder, store::Mode::read_write);
  merkle::Frontier frontier;
  merkle::Hash prev = entry::genesis_prev(kOrigin);
  std::uint64_t bytes = 0;
  while (frontier.size() < size) {
    store::Batch batch;
    batch.first_seq = frontier.size();
    for (std::size_t i = 0; i < kBatch && frontier.size() < size; ++i) {
      const entry::Entry made = make_entry(frontier.size(), prev, keys);
      batch.ids.push_back(made.id);
      batch.entries.push_back(made.text());
      prev = merkle::leaf_hash(batch.entries.back());
      bytes += batch.entries.back().size();
      frontier.append(prev, batch.nodes);
    }
    batch.openings.resize(batch.entries.size());
    batch.root = frontier.root();
    if (frontier.size() == size) {
      const note::SigningKey* const both[] = {&keys.ed25519, &keys.ml_dsa};
      const note::Checkpoint head{kOrigin, size, frontier.root()};
      batch.checkpoints.push_back({size, 0, note::sign_note(head.body(), both, 0).encode()});
    }
    store.commit(batch);
  }
  return bytes;
}

}  // namespace

int main(int count, char** arguments) {
  const std::uint64_t size = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 1'000'000;
  const std::filesystem::path parent = count > 2 ? arguments[2] : std::filesystem::temp_directory_path();
  const std::filesystem::path folder = parent / ("verify-bench-" + std::to_string(::getpid()));
  const std::uint64_t bytes = make_ledger(folder, size);
  const store::Store store = store::Store::open(folder, store::Mode::read_only);
  const store::Snapshot snapshot = store.snapshot();

  const std::string block(bytes / size, 'x');
  const double raw = seconds_of([&] {
    for (std::uint64_t i = 0; i < size; ++i) {
      static_cast<void>(merkle::sha256_of(block));
    }
  });
  verify::Report report;
  const double first = seconds_of([&] { report = verify::check(verify::source_of(snapshot), {}); });
  const double cpu_before = cpu_seconds();
  const double second = seconds_of([&] { report = verify::check(verify::source_of(snapshot), {}); });
  const double cpu = cpu_seconds() - cpu_before;
  std::printf(
      "%llu entries of %llu bytes: SHA-256 alone %.2f s; verified in %.2f s, again in %.2f s (%.2fx, %.2f s "
      "of "
      "processor time); %s\n",
      static_cast<unsigned long long>(size), static_cast<unsigned long long>(bytes / size), raw, first,
      second, raw / second, cpu, report.verified() ? "no findings" : report.findings.front().text.c_str());
  std::filesystem::remove_all(folder);
  return report.verified() ? 0 : 1;
}
