#pragma once

#include <set>
#include <string>

#include "client/cli/options.h"
#include "ledger/entry/entry.h"

namespace chancery::cli {

// Which entries of a ledger a question is about. Entries are asked for in their order, from the first on:
// who sent a transfer is learned from its file.accepted and asked of its later entries.
class LedgerFilter {
 public:
  static void add_options(cxxopts::Options& options);
  // Throws std::invalid_argument for a time that is none.
  explicit LedgerFilter(const cxxopts::ParseResult& parsed);

  bool passes(const entry::EntryView& entry);

 private:
  bool was_sent_by(const entry::EntryView& entry);

  entry::Micros since_;
  entry::Micros until_;  // exclusive
  std::string agency_;   // empty: all; so with the following
  std::string sender_;
  std::string recipient_;
  std::string transfer_;
  std::set<std::string> events_;
  std::set<std::string> sent_;  // transfers of sender_
};

}  // namespace chancery::cli
