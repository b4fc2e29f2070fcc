#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "client/cli/ledger_filter.h"
#include "client/cli/ledger_reader.h"

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
  std::vector<Signed> checkpoints;  // all that are kept, in order
};

// Entries that cannot be read are passed over: `ledger verify` names them.
LedgerSummary summarise(LedgerReader& ledger, LedgerFilter& filter);

}  // namespace chancery::cli
