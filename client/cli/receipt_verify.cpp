#include <algorithm>
#include <iostream>
#include <optional>
#include <stdexcept>

#include <boost/json.hpp>
#include <botan/hash.h>
#include <botan/hex.h>

#include "client/cli/commands.h"
#include "client/cli/escape.h"
#include "client/cli/file.h"
#include "client/cli/options.h"
#include "client/cli/sentence.h"
#include "client/cli/trust.h"
#include "ledger/receipt/receipt.h"

namespace chancery::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostBytes = std::size_t{16}
                                   << 20;  // of a receipt or openings; a name has 4 KiB at most

// What the content is, by the entry.
struct Content {
  enum class Is { file, sealed, another, unknown } is = Is::unknown;
  std::string words;
};

// All that was found out.
struct Result {
  const receipt::Receipt& receipt;
  receipt::Opened opened;
  std::optional<Content> content;
  bool with_ml_dsa = false;

  int status() const {
    if (!opened.findings.empty() || (content && content->is == Content::Is::another)) {
      return kRefused;
    }
    return content && content->is == Content::Is::unknown ? kFailed : kOk;
  }
};

std::string read_whole(const std::string& path) {
  std::string text;
  read_through(path, "reading", [&](std::span<const std::uint8_t> bytes) {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text.size() > kMostBytes) {
      throw std::invalid_argument(path + " is too long to be a receipt or its openings.");
    }
  });
  return text;
}

std::optional<std::string> value_in(const std::map<std::string, std::string>& values, const std::string& key,
                                    std::string_view absent) {
  const auto found = values.find(key);
  return found == values.end() || found->second == absent ? std::nullopt : std::optional(found->second);
}

std::optional<std::string> plain_value(const entry::Entry& entry, const std::string& key) {
  return value_in(entry.plain, key, entry::kAbsent);
}

std::optional<std::string> opened_value(const std::map<std::string, std::string>& opened,
                                        const std::string& key) {
  return value_in(opened, key, "");
}

// The file as it was before sealing, or, at the recipient's, as it was delivered.
Content compare(const std::string& path, const entry::Entry& entry,
                const std::map<std::string, std::string>& opened) {
  const auto hash = Botan::HashFunction::create_or_throw("SHA-256");
  std::uint64_t length = 0;
  read_through(path, "hashing", [&](std::span<const std::uint8_t> bytes) {
    hash->update(bytes.data(), bytes.size());
    length += bytes.size();
  });
  const std::string sha256 = Botan::hex_encode(hash->final_stdvec(), false);
  const std::string size = std::to_string(length);
  if (plain_value(entry, "sealed-sha256") == sha256 && plain_value(entry, "sealed-size") == size) {
    return {Content::Is::sealed, "is the sealed file of this entry: SHA-256 and size match"};
  }
  const auto expected = opened_value(opened, "sha256");
  if (!expected) {
    if (entry.commitments.contains("sha256")) {
      return {Content::Is::unknown, "cannot be compared: the entry's sha256 is not opened; give --openings"};
    }
    return {
        Content::Is::unknown,
        "cannot be compared: an entry of this event has no sha256; take the receipt of the transfer itself"};
  }
  const auto expected_size = opened_value(opened, "size");
  if (*expected != sha256 || expected_size.value_or(size) != size) {
    return {Content::Is::another,
            "is another file: it has the SHA-256 " + sha256 + " and " + size + " bytes"};
  }
  return {Content::Is::file, expected_size ? "is the file of this entry: SHA-256 and size match"
                                           : "is the file of this entry: SHA-256 matches"};
}

std::string words_of(const Result& result) {
  const entry::Entry& entry = result.receipt.entry;
  return sentence(entry.event, [&](std::string_view key) -> std::optional<std::string> {
    auto value = plain_value(entry, std::string(key));
    if (!value) {
      value = opened_value(result.opened.values, std::string(key));
    }
    return value ? std::optional(escaped(*value)) : std::nullopt;
  });
}

void print_field(const std::string& key, const std::string& value) {
  std::cout << "  " << key << std::string(key.size() < 14 ? 14 - key.size() : 1, ' ') << value << "\n";
}

void print(const Result& result) {
  const entry::Entry& entry = result.receipt.entry;
  const std::string time = entry::format_time(entry.time);
  std::cout << (result.status() == kOk        ? "Verified"
                : result.status() == kRefused ? "NOT VERIFIED"
                                              : "CANNOT TELL")
            << ": entry " << entry.seq << " of the ledger " << escaped(result.receipt.checkpoint.origin)
            << " says, by the hub's clock,\n"
            << time.substr(0, 10) << " " << time.substr(11, 8) << " UTC  " << words_of(result) << "\n\n";
  for (const auto& [key, value] : entry.plain) {
    print_field(key, escaped(value));
  }
  for (const auto& [key, commitment] : entry.commitments) {
    const auto opened = result.opened.values.find(key);
    print_field(key, opened == result.opened.values.end() ? "(withheld)"
                     : opened->second.empty()             ? "-"
                                                          : escaped(opened->second));
  }
  print_field("checkpoint",
              "of " + std::to_string(result.receipt.checkpoint.size) + " entries, signed with " +
                  (result.with_ml_dsa ? "Ed25519 and ML-DSA-44 keys as given"
                                      : "an Ed25519 key as given; ML-DSA-44 not checked, because "
                                        "no key of that kind was given"));
  if (result.content) {
    print_field("content", result.content->words);
  }
  for (const std::string& finding : result.opened.findings) {
    std::cout << "the openings, " << escaped(finding) << "\n";
  }
}

json::object to_json(const Result& result) {
  const entry::Entry& entry = result.receipt.entry;
  json::object plain;
  for (const auto& [key, value] : entry.plain) {
    plain[key] = value;
  }
  json::object details;
  for (const auto& [key, commitment] : entry.commitments) {
    const auto opened = result.opened.values.find(key);
    details[key] =
        opened == result.opened.values.end() ? json::value(nullptr) : json::value(as_utf8(opened->second));
  }
  json::array findings;
  for (const std::string& finding : result.opened.findings) {
    findings.emplace_back("the openings, " + as_utf8(finding));
  }
  constexpr std::array kContent{"file", "sealed", "another", "unknown"};
  return {{"verified", result.status() == kOk},
          {"origin", as_utf8(result.receipt.checkpoint.origin)},
          {"seq", entry.seq},
          {"time", entry::format_time(entry.time)},
          {"id", entry::to_hex(entry.id)},
          {"event", entry.event},
          {"plain", std::move(plain)},
          {"details", std::move(details)},
          {"checkpoint_size", result.receipt.checkpoint.size},
          {"ml_dsa_checked", result.with_ml_dsa},
          {"content", result.content ? json::value(kContent.at(static_cast<std::size_t>(result.content->is)))
                                     : json::value(nullptr)},
          {"findings", std::move(findings)}};
}

// A receipt that does not verify: nothing it says is printed.
int report(const std::string& path, const receipt::Failure& failure, bool as_json) {
  const bool wrong = failure.kind != receipt::Failure::Kind::unreadable;
  if (as_json) {
    const json::object object = {{"verified", false}, {"findings", json::array{as_utf8(failure.reason)}}};
    std::cout << json::serialize(object) << "\n";
  } else {
    std::cout << (wrong ? "NOT VERIFIED: " : "CANNOT TELL: ") << escaped(path)
              << (wrong ? " does not hold: " : " is no receipt: ") << escaped(failure.reason) << "\n";
  }
  if (!as_json && failure.kind == receipt::Failure::Kind::not_signed) {
    std::cout << "If the log has changed its keys since you were given yours: each SEQ.add.receipt in "
                 "/receipts/log-keys verifies with the\nkeys before it and names the next one.\n";
  }
  return wrong ? kRefused : kFailed;
}

cxxopts::Options receipt_options(Arguments arguments) {
  auto options = options_of(
      arguments, "--policy FILE | --key VKEY... [--openings FILE] [--content FILE] [--json] RECEIPT",
      "Checks a receipt from /receipts offline, with the log's keys as you were given them (the file "
      "log-policy "
      "in /receipts/log-keys), and prints what it proves. Exits with 0 if it holds, 1 if something does not, "
      "2 "
      "if it cannot tell.");
  add_trust_options(options);
  options.add_options()("openings",
                        "the .openings file beside the receipt: its details are checked and shown",
                        cxxopts::value<std::string>(), "FILE");
  options.add_options()(
      "content",
      "the file itself, as it was sent or opened (or the sealed one that was collected): is it "
      "the very one?",
      cxxopts::value<std::string>(), "FILE");
  options.add_options()("json", "print one JSON object");
  options.add_options("hidden")("receipt", "", cxxopts::value<std::string>());
  options.parse_positional({"receipt"});
  return options;
}

}  // namespace

int receipt_verify(Arguments arguments) {
  auto options = receipt_options(arguments);
  const auto parsed =
      parse(options, arguments,
            "chancery receipt verify --policy log-policy --openings oct.csv.ID.openings --content oct.csv "
            "oct.csv.ID.receipt");
  if (!parsed) {
    return kOk;
  }
  const std::string path = value_of(*parsed, "receipt", "");
  if (path.empty()) {
    throw std::invalid_argument("which receipt? Name a file from /receipts, like oct.csv.ID.receipt.");
  }
  const auto [keys, policy] = trust_of(*parsed);
  if (keys.empty()) {
    throw std::invalid_argument(
        "a receipt cannot be verified without the log's key: give --policy (the file log-policy in "
        "/receipts/log-keys, fetched when you first used this hub) or --key.");
  }
  const bool as_json = parsed->count("json") != 0;
  const auto checked = receipt::check(read_whole(path), keys, policy ? &*policy : nullptr);
  if (const auto* failure = std::get_if<receipt::Failure>(&checked)) {
    return report(path, *failure, as_json);
  }
  Result result{std::get<receipt::Receipt>(checked), {}, {}, false};
  result.with_ml_dsa =
      std::ranges::find(keys, note::KeyType::ml_dsa_44, &note::VerifierKey::type) != keys.end();
  if (parsed->count("openings") != 0) {
    result.opened = receipt::check_openings(read_whole(value_of(*parsed, "openings", "")), result.receipt);
  }
  if (parsed->count("content") != 0) {
    result.content = compare(value_of(*parsed, "content", ""), result.receipt.entry, result.opened.values);
  }
  if (as_json) {
    std::cout << json::serialize(to_json(result)) << "\n";
  } else {
    print(result);
  }
  return result.status();
}

}  // namespace chancery::cli
