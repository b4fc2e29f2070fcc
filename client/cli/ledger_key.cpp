#include <chrono>
#include <iostream>
#include <stdexcept>
#include <thread>

#include <boost/json.hpp>

#include "client/cli/commands.h"
#include "client/cli/ledger_reader.h"
#include "client/cli/options.h"
#include "ledger/note/log_policy.h"
#include "ledger/service/client.h"

// `chancery ledger key ...`: which keys sign for a ledger, and how they are changed.
namespace chancery::cli {
namespace {

namespace json = boost::json;

constexpr int kAttempts = 5;
constexpr std::chrono::seconds kPause{1};
constexpr const char* kSocket = "/run/chancery-ledger/socket";  // of an installed hub

std::optional<cxxopts::ParseResult> parse_words(cxxopts::Options& options, Arguments arguments,
                                                const Words& names, const std::string& example) {
  for (const std::string& name : names) {
    options.add_options("hidden")(name, "", cxxopts::value<std::string>());
  }
  options.parse_positional(names);
  auto parsed = parse(options, arguments, example);
  for (const std::string& name : names) {
    if (parsed && parsed->count(name) == 0) {
      throw std::invalid_argument(std::string("what is ").append(name).append("? For example: ") + example);
    }
  }
  return parsed;
}

std::string kind_of(const note::VerifierKey& key) {
  return key.type() == note::KeyType::ed25519 ? "ed25519" : "ml-dsa-44";
}

note::KeyType type_of(const std::string& kind) {
  for (const note::KeyType type : {note::KeyType::ed25519, note::KeyType::ml_dsa_44}) {
    if (kind == (type == note::KeyType::ed25519 ? "ed25519" : "ml-dsa-44")) {
      return type;
    }
  }
  throw std::invalid_argument("the kind of a key is ed25519 or ml-dsa-44, not '" + kind + "'.");
}

std::string id_of(const note::VerifierKey& key) { return key.text().substr(key.name().size() + 1, 8); }

std::uint32_t key_id_of(const std::string& text) {
  if (text.size() != 8 || text.find_first_not_of("0123456789abcdef") != std::string::npos) {
    throw std::invalid_argument("a key is named by the 8 hex digits of `chancery ledger key list`, not by '" +
                                text + "'.");
  }
  return static_cast<std::uint32_t>(std::stoul(text, nullptr, 16));
}

void print(const log::NamedKey& named) {
  std::cout << id_of(named.key) << "  " << kind_of(named.key)
            << std::string(11 - kind_of(named.key).size(), ' ');
  if (named.last_trusted_size) {
    std::cout << "ended: trusted for checkpoints of up to " << *named.last_trusted_size << " entries";
  } else {
    std::cout << "signs every checkpoint";
  }
  std::cout << "; named by entry " << named.seq << "\n";
}

json::object to_json(const log::NamedKey& named) {
  json::object key{{"id", id_of(named.key)},
                   {"kind", kind_of(named.key)},
                   {"seq", named.seq},
                   {"vkey", named.key.text()},
                   {"last_trusted_size", nullptr}};
  if (named.last_trusted_size) {
    key["last_trusted_size"] = *named.last_trusted_size;
  }
  return key;
}

// Asks again, with the same id, when no answer came or the service is busy. Answers an exit status.
int change(const std::string& socket, const std::string& done,
           const std::function<service::KeyChanged(service::Client&)>& ask) {
  service::Client client(socket, service::Role::administrator);
  static_cast<void>(client.head());  // says why this user may not, before anything is asked
  service::KeyChanged changed;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (attempt > 0) {
      std::this_thread::sleep_for(kPause);
    }
    changed = ask(client);
    const bool again = changed.outcome == service::Outcome::unknown || changed.try_again;
    if (!again) {
      break;
    }
  }
  if (changed.outcome == service::Outcome::durable) {
    const auto key = note::VerifierKey::parse(changed.vkey);
    std::cout << (key ? id_of(*key) : std::string("the key")) << " " << done << " by entry " << changed.seq
              << "; " << changed.words << ".\n";
    return kOk;
  }
  if (changed.outcome == service::Outcome::unknown) {
    throw std::runtime_error("it is not known whether this was done (" + changed.words +
                             "): look with `chancery ledger key list` before you try again.");
  }
  if (changed.try_again) {
    throw std::runtime_error(changed.words + ". Try again later.");
  }
  std::cerr << "chancery: " << changed.words << ".\n";
  return kRefused;
}

// What is given to every change of the keys.
struct Asked {
  std::string socket;
  Words words;  // besides
  std::string reason;
};

// `names`: of the words that follow the socket; `words`: such as the example has. nullopt when help was asked
// for.
std::optional<Asked> parse_change(Arguments arguments, const Words& names, const std::string& about,
                                  const std::string& words) {
  Words all{"SOCKET"};
  all.insert(all.end(), names.begin(), names.end());
  std::string usage = "[--reason TEXT]";
  for (const std::string& name : all) {
    usage += " " + name;
  }
  auto options = options_of(arguments, usage, about);
  options.add_options()("reason", "why, for the record; auditors may read it", cxxopts::value<std::string>(),
                        "TEXT");
  const auto parsed =
      parse_words(options, arguments, all, std::string(arguments[0]) + " " + kSocket + " " + words);
  if (!parsed) {
    return std::nullopt;
  }
  Asked asked{(*parsed)["SOCKET"].as<std::string>(), {}, value_of(*parsed, "reason", "")};
  for (const std::string& name : names) {
    asked.words.push_back((*parsed)[name].as<std::string>());
  }
  return asked;
}

}  // namespace

int ledger_key_list(Arguments arguments) {
  auto options = options_of(arguments, "[--json] DIR|SOCKET",
                            "Lists the keys that entries of a ledger name, in their order, and which sign "
                            "now.");
  options.add_options()("json", "print one JSON object for each key, with its verifier key");
  const auto parsed =
      parse_words(options, arguments, {"SOCKET"}, "chancery ledger key list /run/chancery-ledger/socket");
  if (!parsed) {
    return kOk;
  }
  const auto ledger = open_ledger((*parsed)["SOCKET"].as<std::string>(), "");
  for (const log::NamedKey& named : ledger->keys()) {
    if (parsed->count("json") != 0) {
      std::cout << json::serialize(to_json(named)) << "\n";
    } else {
      print(named);
    }
  }
  return kOk;
}

int ledger_key_add(Arguments arguments) {
  const auto asked = parse_change(
      arguments, {"KIND"},
      "Makes a further key of a KIND (ed25519 or ml-dsa-44), which signs every checkpoint from now on. The "
      "first of these is signed by the old keys too and kept for good. For the "
      "administrator. Then give the new log-policy to those who verify (`chancery "
      "ledger key policy`), and retire the old key.",
      "ed25519");
  if (!asked) {
    return kOk;
  }
  const note::KeyType type = type_of(asked->words[0]);
  return change(asked->socket, "is added", [&, id = entry::new_id()](service::Client& client) {
    return client.add_key(id, type, asked->reason);
  });
}

int ledger_key_retire(Arguments arguments) {
  const auto asked = parse_change(arguments, {"KEYID"},
                                  "Ends the use of a key in the ordinary course: it signs nothing more, its "
                                  "file is destroyed, and what it has signed stays good. For the "
                                  "administrator. KEYID is what `chancery ledger key list` prints first.",
                                  "b687fe00");
  if (!asked) {
    return kOk;
  }
  const std::uint32_t key = key_id_of(asked->words[0]);
  return change(asked->socket, "has ended", [&, id = entry::new_id()](service::Client& client) {
    return client.retire_key(id, key, asked->reason);
  });
}

int ledger_key_revoke(Arguments arguments) {
  const auto asked = parse_change(arguments, {"KEYID", "SIZE"},
                                  "Ends the use of a key that others may have: from now on it is trusted for "
                                  "checkpoints of at most SIZE entries only. For the administrator. Add "
                                  "another key of that kind first.",
                                  "b687fe00 4711");
  if (!asked) {
    return kOk;
  }
  const std::uint32_t key = key_id_of(asked->words[0]);
  const std::uint64_t size = number_of("SIZE", asked->words[1]);
  return change(asked->socket, "has ended", [&, id = entry::new_id()](service::Client& client) {
    return client.revoke_key(id, key, size, asked->reason);
  });
}

int ledger_key_policy(Arguments arguments) {
  auto options = options_of(arguments, "[--ed25519] DIR|SOCKET",
                            "Prints the log-policy of a ledger's present keys (c2sp.org/tlog-policy), to be "
                            "given to those who verify: `chancery ledger verify --policy FILE`.");
  options.add_options()("ed25519", "without the ML-DSA-44 keys, for tools that do not know them");
  const auto parsed = parse_words(options, arguments, {"SOCKET"},
                                  "chancery ledger key policy /run/chancery-ledger/socket > log-policy");
  if (!parsed) {
    return kOk;
  }
  const auto ledger = open_ledger((*parsed)["SOCKET"].as<std::string>(), "");
  std::cout << note::format_log_policy(keys_good_for(*ledger, ledger->size() + 1),
                                       parsed->count("ed25519") == 0);
  return kOk;
}

}  // namespace chancery::cli
