#include "ledger/note/log_policy.h"

#include <algorithm>
#include <set>

#include "ledger/note/text.h"

namespace chancery::note {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{64} << 10;
constexpr std::string_view kBlanks = " \t";

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (std::size_t at = line.find_first_not_of(kBlanks); at != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(kBlanks, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(kBlanks, end);
  }
  return words;
}

// Whatever names they are given under.
bool same_key(const VerifierKey& a, const VerifierKey& b) {
  const auto bytes = [](const VerifierKey& key) { return key.text().substr(key.name().size() + 10); };
  return bytes(a) == bytes(b);
}

bool is_allowed(char c) { return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F); }

using Words = std::span<const std::string_view>;

// Reads one line after another; each function answers why not, or nullopt.
class Reader {
 public:
  std::optional<std::string> read(Words words) {
    const auto arguments = words.subspan(1);
    if (words.front() == "log") return read_log(arguments);
    if (words.front() == "witness") return read_witness(arguments);
    if (words.front() == "group") return read_group(arguments);
    if (words.front() == "quorum") return read_quorum(arguments);
    return "a line begins with log, witness, group or quorum";
  }

  bool has_quorum() const { return has_quorum_; }
  LogPolicy take() { return std::move(policy_); }

 private:
  std::optional<std::string> read_log(Words words) {
    if (words.empty() || words.size() > 2) return "a log is: log VKEY [URL]";
    auto key = VerifierKey::parse(words[0]);
    if (!key || key->type() != KeyType::ed25519) return "the key of a log must be an Ed25519 verifier key";
    if (std::ranges::any_of(policy_.logs, [&](const VerifierKey& known) { return same_key(known, *key); })) {
      return "this log is listed twice";
    }
    policy_.logs.push_back(*std::move(key));
    return std::nullopt;
  }

  std::optional<std::string> read_witness(Words words) {
    if (words.size() < 2 || words.size() > 3) return "a witness is: witness NAME VKEY [URL]";
    if (auto wrong = new_name(words[0])) return wrong;
    auto key = VerifierKey::parse(words[1]);
    if (!key || key->type() != KeyType::ml_dsa_44) {
      return "the key of a witness must be an ML-DSA-44 verifier key";
    }
    if (std::ranges::any_of(policy_.cosigners,
                            [&](const auto& known) { return known.key && same_key(*known.key, *key); })) {
      return "this witness is listed twice";
    }
    policy_.cosigners.push_back({std::string(words[0]), std::move(key), 0, {}});
    return std::nullopt;
  }

  std::optional<std::string> read_group(Words words) {
    if (words.size() < 3) return "a group is: group NAME all|any|NUMBER MEMBER...";
    if (auto wrong = new_name(words[0])) return wrong;
    LogPolicy::Cosigner group{std::string(words[0]), std::nullopt, 0, {}};
    for (const std::string_view member : words.subspan(2)) {
      const auto found = find(member);
      if (!found) return "no line before this one defines " + std::string(member);
      if (!members_.insert(*found).second) return std::string(member) + " is a member twice";
      group.members.push_back(*found);
    }
    const auto number = parse_decimal(words[1]);
    group.threshold = words[1] == "all" ? group.members.size() : words[1] == "any" ? 1 : number.value_or(0);
    if (group.threshold < 1 || group.threshold > group.members.size()) {
      return "a group needs all, any, or a number from 1 to that of its members";
    }
    policy_.cosigners.push_back(std::move(group));
    return std::nullopt;
  }

  std::optional<std::string> read_quorum(Words words) {
    if (words.size() != 1) return "a quorum is: quorum NAME";
    if (has_quorum_) return "there is a quorum already";
    has_quorum_ = true;
    if (words[0] == "none") return std::nullopt;
    policy_.quorum = find(words[0]);
    if (!policy_.quorum) return "no line before this one defines " + std::string(words[0]);
    return std::nullopt;
  }

  std::optional<std::size_t> find(std::string_view name) const {
    const auto found = std::ranges::find(policy_.cosigners, name, &LogPolicy::Cosigner::name);
    if (found == policy_.cosigners.end()) return std::nullopt;
    return static_cast<std::size_t>(found - policy_.cosigners.begin());
  }

  std::optional<std::string> new_name(std::string_view name) const {
    if (name == "none") return "none is no name for a witness or a group";
    if (find(name)) return std::string(name) + " is defined twice";
    return std::nullopt;
  }

  LogPolicy policy_;
  std::set<std::size_t> members_;  // of any group: each counts in one way
  bool has_quorum_ = false;
};

}  // namespace

std::vector<VerifierKey> LogPolicy::keys() const {
  std::vector<VerifierKey> all = logs;
  for (const Cosigner& cosigner : cosigners) {
    if (cosigner.key) all.push_back(*cosigner.key);
  }
  return all;
}

std::optional<std::string> LogPolicy::refuses(const HasSigned& has_signed) const {
  if (!logs.empty() && !std::ranges::any_of(logs, has_signed)) {
    return "it is not signed by a log of the policy";
  }
  std::vector<bool> holds;
  for (const Cosigner& cosigner : cosigners) {
    const auto signed_members =
        std::ranges::count_if(cosigner.members, [&](std::size_t at) { return holds[at]; });
    holds.push_back(cosigner.key ? has_signed(*cosigner.key)
                                 : static_cast<std::size_t>(signed_members) >= cosigner.threshold);
  }
  if (quorum && !holds[*quorum]) {
    return "it is not signed by the policy's quorum, " + cosigners[*quorum].name;
  }
  return std::nullopt;
}

std::optional<std::string> LogPolicy::refuses(const Note& note) const {
  for (const VerifierKey& key : keys()) {
    if (verify_note(note, std::span(&key, 1)) == Signed::bad_signature) {
      return "a signature of " + key.name() + " is false";
    }
  }
  return refuses(
      [&](const VerifierKey& key) { return verify_note(note, std::span(&key, 1)) == Signed::valid; });
}

std::variant<LogPolicy, LogPolicyError> parse_log_policy(std::string_view text) {
  if (text.size() > kMaxBytes) return LogPolicyError{0, "a policy may have at most 64 KiB"};
  Reader reader;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos)
      return LogPolicyError{number, "the last line does not end in a line feed"};
    if (!std::ranges::all_of(text.substr(0, end), is_allowed)) {
      return LogPolicyError{number, "it has a control character that is none of tab and line feed"};
    }
    const auto words = words_of(text.substr(0, end));
    text.remove_prefix(end + 1);
    if (words.empty() || words.front().starts_with('#')) continue;
    if (auto wrong = reader.read(words)) return LogPolicyError{number, *std::move(wrong)};
  }
  if (!reader.has_quorum()) return LogPolicyError{0, "it has no quorum line"};
  return reader.take();
}

std::string format_log_policy(std::span<const VerifierKey> keys, bool with_quorum) {
  std::string logs;
  std::string witnesses;
  std::string names;
  int count = 0;
  for (const VerifierKey& key : keys) {
    if (key.type() == KeyType::ed25519) {
      logs += "log " + key.text() + "\n";
    } else if (with_quorum) {
      const std::string name = "ml-dsa-44-" + std::to_string(++count);
      witnesses += "witness " + name + " " + key.text() + "\n";
      names += " " + name;
    }
  }
  return logs + witnesses +
         (with_quorum ? "group ml-dsa-44 any" + names + "\nquorum ml-dsa-44\n" : "quorum none\n");
}

}  // namespace chancery::note
