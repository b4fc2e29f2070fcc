#include "ledger/verify/verify.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <thread>

#include "ledger/verify/entry_check.h"
#include "ledger/verify/findings.h"
#include "ledger/verify/head_check.h"
#include "ledger/verify/pipeline.h"
#include "ledger/verify/tree_check.h"

namespace chancery::verify {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;

// Runs a part of the reading; damage that the store tells of is a finding.
template <typename Read>
void reading(Findings& findings, const Read& read) {
  try {
    read();
  } catch (const store::Error& error) {
    if (error.fault() != store::Fault::damaged) {
      throw;
    }
    findings.add(std::nullopt, error.what());
  }
}

// Hashes the entries on this thread and passes them on.
void hash_entries(const Source& source, TreeCheck& tree, Pipeline& pipeline, Findings& findings) {
  Chunk chunk;
  chunk.bytes.reserve(kChunkBytes + entry::kMaxEntryBytes);
  const auto pass_on = [&] {
    Chunk next;
    next.first_seq = chunk.first_seq + chunk.rows.size();
    next.bytes.reserve(kChunkBytes + entry::kMaxEntryBytes);
    pipeline.push(std::exchange(chunk, std::move(next)));
  };
  reading(findings, [&] {
    source.entries([&](std::uint64_t, std::string_view text, const Openings* openings) {
      Chunk::Row& row = chunk.rows.emplace_back();
      row.begin = chunk.bytes.size();
      row.length = text.size();
      row.leaf = merkle::leaf_hash(text);
      if (openings != nullptr) {
        row.openings.emplace(openings->begin(), openings->end());
      }
      chunk.bytes += text;
      tree.add(row.leaf);
      if (chunk.bytes.size() >= kChunkBytes) {
        pass_on();
      }
      return true;
    });
  });
  pass_on();
}

// Both threads at work. Whatever either of them throws is thrown when both have ended.
void check_entries(const Source& source, TreeCheck& tree, EntryCheck& entries, Findings& findings) {
  Pipeline pipeline;
  std::exception_ptr failure;
  std::thread reader([&] {
    try {
      while (const auto chunk = pipeline.take()) {
        entries.add(*chunk);
      }
      entries.finish();
    } catch (...) {
      failure = std::current_exception();
      pipeline.stop();
    }
  });
  std::exception_ptr own_failure;
  try {
    hash_entries(source, tree, pipeline, findings);
    tree.finish();
  } catch (...) {
    own_failure = std::current_exception();
  }
  pipeline.finish();
  reader.join();
  for (const std::exception_ptr& thrown : {own_failure, failure}) {
    if (thrown) {
      std::rethrow_exception(thrown);
    }
  }
}

}  // namespace

void Findings::report(Report& report) {
  const std::scoped_lock lock(mutex_);
  std::ranges::stable_sort(findings_, {}, [](const Finding& finding) {
    return finding.seq.value_or(std::numeric_limits<std::uint64_t>::max());
  });
  report.findings = std::move(findings_);
  report.more_findings = more_;
}

Source source_of(const store::Snapshot& snapshot) {
  Source source;
  source.entries = [&snapshot](const Source::VisitEntry& visit) {
    snapshot.visit_entries(
        0, [&](std::uint64_t seq, std::string_view text) { return visit(seq, text, nullptr); });
  };
  source.checkpoints = [&snapshot](const auto& visit) {
    snapshot.visit_checkpoints(
        0, 0, [&](std::uint64_t size, entry::Micros, std::string_view note) { return visit(size, note); });
  };
  source.hashes = [&snapshot](std::uint64_t from, const auto& visit) { snapshot.visit_hashes(from, visit); };
  source.head = [&snapshot] { return note::Checkpoint{"", snapshot.size(), snapshot.root()}; };
  return source;
}

Report check(const Source& source, std::span<const note::VerifierKey> pinned, const Demands& demands) {
  Report report;
  Findings findings;
  TreeCheck tree(source, findings);
  EntryCheck entries(findings);
  reading(findings, [&] {
    source.checkpoints([&](std::uint64_t size, std::string_view) {
      tree.want_root(size);
      return true;
    });
  });
  for (const std::string& bytes : demands.newer_than) {
    if (const auto checkpoint = checkpoint_of(bytes)) {
      tree.want_root(checkpoint->size);
    }
  }
  check_entries(source, tree, entries, findings);
  entries.report(report);
  report.root = tree.root();
  report.stored_hashes = tree.compared();
  if (report.entries == 0) {
    findings.add(std::nullopt, "the ledger is empty: it has not even a genesis entry");
  }
  if (demands.not_before && report.entries > 0 && report.last_time < *demands.not_before) {
    findings.add(report.entries - 1, "is the last, of " + entry::format_time(report.last_time) +
                                         ", and nothing has been recorded since");
  }
  if (demands.not_after && report.entries > 0 && report.last_time > *demands.not_after) {
    findings.add(report.entries - 1, "is the last, of " + entry::format_time(report.last_time) +
                                         ", which has not come yet: how old it is cannot be told");
  }
  reading(findings,
          [&] { HeadCheck(source, entries.log_events(), tree, pinned, demands, findings).run(report); });
  if (source.own_findings) {
    source.own_findings([&](const Finding& finding) { findings.add(finding.seq, finding.text); });
  }
  findings.report(report);
  return report;
}

}  // namespace chancery::verify
