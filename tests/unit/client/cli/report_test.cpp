#include <gtest/gtest.h>

#include "client/cli/ledger_page.h"
#include "tests/unit/ledger/verify/ledger_in_memory.h"

// Questions put to a ledger, and the page that reports on it.
namespace chancery::cli {
namespace {

using verify::LedgerInMemory;

// Two agencies send two files each to a third, one is refused thrice, details are erased.
LedgerInMemory busy_ledger() {
  LedgerInMemory ledger;
  for (int i = 0; i < 4; ++i) {
    const std::string transfer = "t" + std::to_string(i);
    ledger.append("file.accepted", {{"agency", i % 2 == 0 ? "hospital" : "police"}, {"transfer", transfer}});
    ledger.append("delivery.made", {{"agency", "council"}, {"transfer", transfer}, {"sealed-size", "1000"}});
  }
  ledger.append("file.refused",
                {{"agency", "police"}, {"code", "too-large"}, {"count", "3"}, {"transfer", "t9"}});
  ledger.append("detail.erased", {{"seqs", "1-2"}, {"basis", "request"}});
  ledger.sign();
  return ledger;
}

LedgerFilter filter_of(std::vector<const char*> words) {
  cxxopts::Options options("show");
  LedgerFilter::add_options(options);
  words.insert(words.begin(), "show");
  return LedgerFilter(options.parse(static_cast<int>(words.size()), words.data()));
}

std::vector<std::uint64_t> seqs_of(std::vector<const char*> words) {
  LedgerInMemory ledger = busy_ledger();
  LedgerFilter filter = filter_of(std::move(words));
  std::vector<std::uint64_t> seqs;
  entry::EntryView view;
  for (const std::string& text : ledger.entries) {
    if (!entry::parse_into(text, view) && filter.passes(view)) {
      seqs.push_back(view.seq);
    }
  }
  return seqs;
}

using Seqs = std::vector<std::uint64_t>;

TEST(LedgerFilter, AnswersWhatOneAgencyReceivedFromAnother) {
  EXPECT_EQ(seqs_of({"--from", "police", "--to", "council"}), (Seqs{4, 8}));
  EXPECT_EQ(seqs_of({"--from", "police"}), (Seqs{3, 4, 7, 8, 9}));
  EXPECT_EQ(seqs_of({"--to", "council"}), (Seqs{2, 4, 6, 8}));
  EXPECT_EQ(seqs_of({"--from", "council", "--to", "council"}), Seqs{});
  EXPECT_EQ(seqs_of({"--transfer", "t1"}), (Seqs{3, 4}));
}

TEST(LedgerFilter, AnswersWhatWasRefusedOrErased) {
  EXPECT_EQ(seqs_of({"--event", "file.refused"}), Seqs{9});
  EXPECT_EQ(seqs_of({"--event", "detail.erased", "--event", "file.refused"}), (Seqs{9, 10}));
}

// Entries are a millisecond apart, from 2026-11-02T09:30:00.
TEST(LedgerFilter, TimesAreFromOneToBeforeTheOther) {
  EXPECT_EQ(seqs_of({"--since", "2026-11-02T09:30:00.003", "--until", "2026-11-02T09:30:00.005"}),
            (Seqs{3, 4}));
  EXPECT_EQ(seqs_of({"--since", "2026-11"}).size(), 11U);
  EXPECT_EQ(seqs_of({"--since", "2026", "--until", "2026-11-02 09:31Z"}).size(), 11U);
  for (const char* part :
       {"2026-1", "2026-11-2", "2026-11-02T9", "2026-11-02T09:3", "202", "2026-11-02T09:30:00."}) {
    EXPECT_THROW(seqs_of({"--since", part}), std::invalid_argument) << part;
  }
  EXPECT_EQ(seqs_of({"--until", "2026-11"}).size(), 0U);
  EXPECT_THROW(seqs_of({"--until", "tomorrow"}), std::invalid_argument);
}

std::string page_of(LedgerInMemory& ledger) {
  LedgerFilter all = filter_of({});
  LedgerSummary summary;
  const auto report = verify::check(summed_up(ledger.source(), all, summary), {});
  return ledger_page(summary, report, "ledger <folder>", false, 1'793'611'800'000'000);
}

TEST(LedgerPage, HoldsWhatTheLedgerAddsUpTo) {
  LedgerInMemory ledger = busy_ledger();
  const std::string page = page_of(ledger);
  for (const char* words : {"<strong>Verified.</strong>", "<td>file.accepted<td class=\"n\">4",
                            "4000 sealed bytes were delivered", "<td>too-large<td class=\"n\">3",
                            "<tr><td>2026-11-02<td class=\"n\">2<td class=\"n\">2", "<td>1-2<td>request",
                            "1 are kept, from 2026-11-02 09:30:00 UTC", "no gap of more than two hours",
                            "ledger &lt;folder&gt;", "agrees with itself"}) {
    EXPECT_NE(page.find(words), std::string::npos) << words;
  }
}

TEST(LedgerPage, NeedsNothingFromElsewhere) {
  LedgerInMemory ledger = busy_ledger();
  const std::string page = page_of(ledger);
  for (const char* words : {"<script", "http:", "https:", "url(", "@import", "src=", "<link", "<iframe"}) {
    EXPECT_EQ(page.find(words), std::string::npos) << words;
  }
}

TEST(LedgerPage, SaysFirstThatALedgerDoesNotVerify) {
  LedgerInMemory ledger = busy_ledger();
  ledger.entries[4].replace(ledger.entries[4].find("1000"), 4, "1001");
  const std::string page = page_of(ledger);
  EXPECT_NE(page.find("<strong>NOT VERIFIED.</strong>"), std::string::npos);
  EXPECT_NE(page.find("<li>Entry 4: "), std::string::npos);
  EXPECT_EQ(page.find("<strong>Verified.</strong>"), std::string::npos);
}

TEST(LedgerPage, GapsBetweenCheckpointsAreNamed) {
  LedgerInMemory ledger = busy_ledger();
  const std::vector<const note::SigningKey*> keys{&ledger.key, &ledger.ml_dsa};
  ledger.append("clock.stepped", {});
  const note::Checkpoint head{LedgerInMemory::kOrigin, ledger.frontier.size(), ledger.frontier.root()};
  ledger.checkpoints.emplace_back(head.size,
                                  note::sign_note(head.body(), keys, 1'793'611'800 + 9000).encode());
  EXPECT_NE(page_of(ledger).find("<tr><td>2 h 30 min<td>2026-11-02 09:30:00 UTC<td>2026-11-02 12:00:00 UTC"),
            std::string::npos);
}

TEST(LedgerPage, ATimeThatNoEntryCouldHaveIsNoReasonForNoPage) {
  for (const std::uint64_t seconds : {std::uint64_t{253'402'300'800}, (std::uint64_t{1} << 63) - 1}) {
    LedgerInMemory ledger = busy_ledger();
    const std::vector<const note::SigningKey*> keys{&ledger.key, &ledger.ml_dsa};
    ledger.append("clock.stepped", {});
    const note::Checkpoint head{LedgerInMemory::kOrigin, ledger.frontier.size(), ledger.frontier.root()};
    ledger.checkpoints.emplace_back(head.size, note::sign_note(head.body(), keys, seconds).encode());
    EXPECT_NE(page_of(ledger).find("<strong>Verified.</strong>"), std::string::npos);
  }
}

TEST(LedgerPage, ManyDaysAreShownByMonthAndNoneAsNone) {
  LedgerSummary summary;
  for (int month = 1; month <= 12; ++month) {
    for (int day = 1; day <= 28; ++day) {
      const std::string two = (month < 10 ? "0" : "") + std::to_string(month) + (day < 10 ? "-0" : "-");
      summary.accepted["2026-" + two + std::to_string(day)]["hospital"] = 1;
    }
  }
  const std::string page = ledger_page(summary, {}, "x", false, 0);
  EXPECT_NE(page.find("by month and sending agency"), std::string::npos);
  EXPECT_NE(page.find("<tr><td>2026-12<td class=\"n\">28"), std::string::npos);
  EXPECT_NE(ledger_page({}, {}, "x", false, 0).find("<p>None.</p>"), std::string::npos);
}

TEST(LedgerPage, WhatOthersWroteIsEscaped) {
  LedgerSummary summary;
  summary.refused["<b>&\"\x1b"] = 1;
  EXPECT_NE(ledger_page(summary, {}, "x", false, 0).find("<td>&lt;b&gt;&amp;&quot;\\u{1B}<td"),
            std::string::npos);
}

}  // namespace
}  // namespace chancery::cli
