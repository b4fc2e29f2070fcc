#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "client/cli/ledger_filter.h"
#include "ledger/verify/verify.h"

namespace chancery::cli {

// What a ledger's entries add up to, from their plain fields alone: no detail about a person is in it.
struct LedgerSummary {
  struct Erasure {
    std::uint64_t seq = 0;
    entry::Micros time = 0;
    std::string seqs;
    std::string basis;
  };
  struct Signed {
    std::uint64_t size = 0;
    entry::Micros time = 0;  // as the ML-DSA-44 signature says, to the second
  };

  std::uint64_t entries = 0;  // those that the filter lets through, as all that follows but the checkpoints
  entry::Micros first_time = 0;
  entry::Micros last_time = 0;
  std::map<std::string, std::uint64_t> events;
  // Accepted files by day (2026-11-02), then by the agency that sent them.
  std::map<std::string, std::map<std::string, std::uint64_t>> accepted;
  std::map<std::string, std::uint64_t> refused;  // by code, repetitions counted
  std::uint64_t sealed_bytes = 0;                // of all deliveries
  std::vector<Erasure> erasures;
  std::uint64_t checkpoints = 0;  // that are kept
  std::vector<Signed> signed_at;  // those of them that say when, in order
};

// The same source, which also adds to `summary` what the filter lets through of the entries that are read
// from it, so that a ledger is verified and summed up in one reading; its checkpoints are added at once.
// Entries that do not parse are passed over: a verifier names them. What is referred to must outlive the
// source.
verify::Source summed_up(verify::Source source, LedgerFilter& filter, LedgerSummary& summary);

}  // namespace chancery::cli
