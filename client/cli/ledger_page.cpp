#include "client/cli/ledger_page.h"

#include <algorithm>
#include <array>
#include <set>
#include <sstream>

#include "client/cli/escape.h"

namespace chancery::cli {
namespace {

constexpr std::string_view kStyle = R"(
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2rem; border-bottom: 1px solid #999 }
table { border-collapse: collapse } td, th { text-align: left; padding: .15rem 1.2rem .15rem 0 }
td.n, th.n { text-align: right } .verdict { padding: .6rem 1rem; border: 2px solid; border-radius: .3rem }
.yes { border-color: #1b6e2e; background: #e8f5ea } .no { border-color: #a11212; background: #fbe9e9 }
code { font-size: .9em; overflow-wrap: anywhere } svg { width: 100%; height: auto } .key span { margin-right: 1rem }
@media print { body { margin: 0; max-width: none } h2 { break-after: avoid } tr, svg { break-inside: avoid } }
)";

// Told apart in print and by those who do not see red and green (after Okabe and Ito).
constexpr std::array<std::string_view, 8> kColours{"#0072b2", "#e69f00", "#009e73", "#cc79a7",
                                                   "#56b4e9", "#d55e00", "#f0e442", "#000000"};

std::string html(std::string_view text) {
  std::string out;
  for (const char c : escaped(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string day_and_time(entry::Micros time) {
  const std::string text = entry::format_time(time);
  return text.substr(0, 10) + " " + text.substr(11, 8) + " UTC";
}

std::string hours(entry::Micros span) {
  const auto minutes = span / 60'000'000;
  return std::to_string(minutes / 60) + " h " + std::to_string(minutes % 60) + " min";
}

class Page {
 public:
  Page(const LedgerSummary& summary, const verify::Report& report) : summary_(summary), report_(report) {}

  std::string write(const std::string& where, bool pinned, entry::Micros made) {
    out_ << "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Ledger of "
         << html(report_.origin) << "</title>\n<style>" << kStyle << "</style>\n<h1>Ledger of "
         << html(report_.origin) << "</h1>\n<p>Made " << day_and_time(made) << ". ";
    if (summary_.entries > 0) {
      out_ << "The " << summary_.entries << " entries counted here are from "
           << day_and_time(summary_.first_time) << " to " << day_and_time(summary_.last_time) << ".";
    } else {
      out_ << "No entry is counted here.";
    }
    out_ << "</p>\n";
    verdict(pinned);
    repeat(where);
    totals();
    transfers();
    refusals();
    erasures();
    checkpoints();
    return out_.str();
  }

 private:
  void verdict(bool pinned) {
    out_ << "<h2>Verification</h2>\n<p class=\"verdict " << (report_.verified() ? "yes" : "no")
         << "\"><strong>" << (report_.verified() ? "Verified." : "NOT VERIFIED.") << "</strong> "
         << report_.entries << " entries were hashed again; " << report_.checkpoints
         << " signed checkpoints are right, the last of " << report_.covered << " entries. "
         << (pinned ? "The keys were given by whoever made this page."
                    : "The keys were taken from the ledger itself, so this shows that it agrees with itself, "
                      "not whose it is.")
         << "</p>\n";
    if (!report_.verified()) {
      out_ << "<ul>\n";
      for (const verify::Finding& finding : report_.findings) {
        out_ << "<li>" << (finding.seq ? "Entry " + std::to_string(*finding.seq) + ": " : "")
             << html(finding.text) << "</li>\n";
      }
      if (report_.more_findings > 0) {
        out_ << "<li>" << report_.more_findings << " more</li>\n";
      }
      out_ << "</ul>\n";
    }
    out_ << "<p>Root of the tree: <code>" << merkle::to_base64(report_.root)
         << "</code><br>Details: " << report_.opened << " opened and match, " << report_.withheld
         << " withheld, " << report_.erased << " erased.</p>\n";
  }

  void repeat(const std::string& where) {
    out_ << "<p>To repeat it: <code>chancery ledger verify --policy FILE " << html(where)
         << "</code>, where FILE is the log-policy you were given";
    out_ << ". The keys used here:</p>\n<ul>\n";
    for (const std::string& key : report_.keys) {
      out_ << "<li><code>" << html(key.substr(0, 160)) << (key.size() > 160 ? "…" : "") << "</code></li>\n";
    }
    out_ << "</ul>\n";
  }

  void totals() {
    out_ << "<h2>Totals</h2>\n<table>\n<tr><th>event<th class=\"n\">entries\n";
    for (const auto& [event, count] : summary_.events) {
      row(event, count);
    }
    out_ << "</table>\n<p>" << summary_.sealed_bytes << " sealed bytes were delivered.</p>\n";
  }

  // By day, or by month when the days would be too many to tell apart.
  void transfers() {
    constexpr std::size_t kMostDays = 92;
    const std::size_t digits = summary_.accepted.size() > kMostDays ? 7 : 10;
    std::map<std::string, std::map<std::string, std::uint64_t>> bars;
    std::set<std::string> agencies;
    for (const auto& [day, counts] : summary_.accepted) {
      for (const auto& [agency, count] : counts) {
        bars[day.substr(0, digits)][agency] += count;
        agencies.insert(agency);
      }
    }
    out_ << "<h2>Files accepted, by " << (digits == 10 ? "day" : "month") << " and sending agency</h2>\n";
    if (bars.empty()) {
      out_ << "<p>None.</p>\n";
      return;
    }
    chart(bars, {agencies.begin(), agencies.end()});
    out_ << "<table>\n<tr><th>" << (digits == 10 ? "day" : "month");
    for (const std::string& agency : agencies) {
      out_ << "<th class=\"n\">" << html(agency);
    }
    out_ << "\n";
    for (const auto& [day, counts] : bars) {
      out_ << "<tr><td>" << html(day);
      for (const std::string& agency : agencies) {
        const auto count = counts.find(agency);
        out_ << "<td class=\"n\">" << (count == counts.end() ? 0 : count->second);
      }
      out_ << "\n";
    }
    out_ << "</table>\n";
  }

  void chart(const std::map<std::string, std::map<std::string, std::uint64_t>>& bars,
             const std::vector<std::string>& agencies) {
    constexpr double kWidth = 900;
    constexpr double kHeight = 220;
    std::uint64_t most = 1;
    for (const auto& [day, counts] : bars) {
      std::uint64_t all = 0;
      for (const auto& [agency, count] : counts) {
        all += count;
      }
      most = std::max(most, all);
    }
    const auto colour = [&](const std::string& agency) {
      const auto at = std::ranges::find(agencies, agency) - agencies.begin();
      return kColours[static_cast<std::size_t>(at) % kColours.size()];
    };
    const double step = kWidth / static_cast<double>(bars.size());
    out_ << "<svg viewBox=\"0 0 900 250\" role=\"img\" aria-label=\"Files accepted; the highest bar is "
         << most << "\">\n";
    double x = 0;
    for (const auto& [day, counts] : bars) {
      double y = kHeight;
      for (const auto& [agency, count] : counts) {
        const double height = kHeight * static_cast<double>(count) / static_cast<double>(most);
        y -= height;
        out_ << "<rect x=\"" << x + step * 0.1 << "\" y=\"" << y << "\" width=\""
             << std::min(step * 0.8, 60.0) << "\" height=\"" << height << "\" fill=\"" << colour(agency)
             << "\"><title>" << html(day) << " " << html(agency) << ": " << count << "</title></rect>\n";
      }
      x += step;
    }
    out_ << "<line x1=\"0\" y1=\"220\" x2=\"900\" y2=\"220\" stroke=\"#444\"/>\n<text x=\"0\" y=\"242\" "
            "font-size=\"14\">"
         << html(bars.begin()->first)
         << "</text>\n<text x=\"900\" y=\"242\" font-size=\"14\" text-anchor=\"end\">"
         << html(bars.rbegin()->first) << "</text>\n</svg>\n<p class=\"key\">";
    for (const std::string& agency : agencies) {
      out_ << "<span><svg style=\"width:.8em;height:.8em\" viewBox=\"0 0 1 1\"><rect width=\"1\" "
              "height=\"1\" fill=\""
           << colour(agency) << "\"/></svg> " << html(agency) << "</span>";
    }
    out_ << " The highest bar is " << most << ".</p>\n";
  }

  void refusals() {
    out_ << "<h2>Refusals, by reason</h2>\n";
    if (summary_.refused.empty()) {
      out_ << "<p>None.</p>\n";
      return;
    }
    out_ << "<table>\n<tr><th>reason<th class=\"n\">times\n";
    for (const auto& [code, count] : summary_.refused) {
      row(code, count);
    }
    out_ << "</table>\n";
  }

  void erasures() {
    out_ << "<h2>Erased details</h2>\n";
    if (summary_.erasures.empty()) {
      out_ << "<p>None.</p>\n";
      return;
    }
    out_ << "<table>\n<tr><th>by entry<th>when<th>details of entries<th>basis\n";
    for (const LedgerSummary::Erasure& one : summary_.erasures) {
      out_ << "<tr><td>" << one.seq << "<td>" << day_and_time(one.time) << "<td>" << html(one.seqs) << "<td>"
           << html(one.basis) << "\n";
    }
    out_ << "</table>\n";
  }

  // Older checkpoints are kept hourly, so two hours without one mean that nobody signed.
  void checkpoints() {
    constexpr entry::Micros kGap = entry::Micros{2} * 3600 * 1'000'000;
    const auto& kept = summary_.signed_at;
    out_ << "<h2>Checkpoints</h2>\n<p>" << summary_.checkpoints << " are kept";
    if (!kept.empty()) {
      out_ << ", from " << day_and_time(kept.front().time) << " to " << day_and_time(kept.back().time);
    }
    out_ << ".</p>\n<table>\n<tr><th>gap of<th>from<th>to<th class=\"n\">entries then\n";
    bool any = false;
    for (std::size_t i = 1; i < kept.size(); ++i) {
      if (kept[i].time - kept[i - 1].time > kGap) {
        out_ << "<tr><td>" << hours(kept[i].time - kept[i - 1].time) << "<td>"
             << day_and_time(kept[i - 1].time) << "<td>" << day_and_time(kept[i].time) << "<td class=\"n\">"
             << kept[i - 1].size << "\n";
        any = true;
      }
    }
    out_ << (any ? "" : "<tr><td colspan=\"4\">no gap of more than two hours\n") << "</table>\n";
  }

  void row(const std::string& name, std::uint64_t count) {
    out_ << "<tr><td>" << html(name) << "<td class=\"n\">" << count << "\n";
  }

  const LedgerSummary& summary_;
  const verify::Report& report_;
  std::ostringstream out_;
};

}  // namespace

std::string ledger_page(const LedgerSummary& summary, const verify::Report& report, const std::string& where,
                        bool pinned, entry::Micros made) {
  return Page(summary, report).write(where, pinned, made);
}

}  // namespace chancery::cli
