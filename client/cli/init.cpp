#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/keys.h"
#include "client/cli/options.h"
#include "client/cli/ssh_key_file.h"
#include "policies/hub/hub.h"
#include "policies/route/policy.h"
#include "policies/seal/recipient.h"

namespace chancery::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kReadFirst =
    "# What every key means: docs/policy.md. Check a change: chancery policy check DIR\n";

// One of the three agencies of the example, with its one account.
struct Example {
  const char* id;
  const char* name;
  const char* user;
  const char* role;
  bool receives;
};
constexpr Example kExamples[] = {
    {"moorvale-acute", "Moorvale Acute Hospitals NHS Trust", "moorvale", "agency", false},
    {"northmoor-council", "Northmoor Borough Council", "northmoor", "agency", true},
    {"audit", "Audit", "auditor", "auditor", false},
};

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) {
    throw std::runtime_error("cannot write " + path.string() + ". Is the disk full?");
  }
}

std::string hub_text(const std::string& origin, std::uint16_t port) {
  return std::string(kReadFirst) + "origin = \"" + origin +
         "\"\n"
         "name = \"Moorvale Exchange\"\n"
         "timezone = \"Europe/London\"\n"
         "\n"
         "[listen]\n"
         "address = \"127.0.0.1\"\n"
         "port = " +
         std::to_string(port) +
         "\n"
         "\n"
         "[paths]\n"
         "objects = \"var/objects\"\n"
         "policies = \"var/policies\"\n"
         "host_key = \"var/host_key\"\n"
         "ledger = \"var/ledger\"\n"
         "ledger_keys = \"var/ledger-keys\"\n"
         "ledger_socket = \"var/ledger.sock\"\n";
}

std::string agreement_text() {
  return std::string(kReadFirst) +
         "reference = \"DSA-042\"\n"
         "title = \"Maternity contact details for children's centres\"\n"
         "parties = [\"moorvale-acute\", \"northmoor-council\"]\n"
         "purpose = \"To offer consenting families the services of their children's centre.\"\n";
}

std::string route_text() {
  return std::string(kReadFirst) +
         "id = \"maternity-cc\"\n"
         "agreement = \"DSA-042\"\n"
         "from = [\"moorvale-acute\"]\n"
         "to = [\"northmoor-council\"]\n"
         "accept = [\"*\"]\n"
         "max_size = \"10 GiB\"\n"
         "finish = \"close\"\n"
         "state = \"live\"\n";
}

// Makes the agency's file, and its clients' keys in `clients`/ID.
void write_agency(const fs::path& directory, const Example& example, seal::KeyKind kind) {
  const fs::path client = directory / "clients" / example.id;
  fs::create_directory(client);
  const SshKeyPair key = make_ssh_key(std::string(example.user) + "@" + example.id);
  write_new_private(client / "id_ed25519", key.private_file);
  write_text(client / "id_ed25519.pub", key.public_line + "\n");

  std::string text =
      std::string(kReadFirst) + "id = \"" + example.id + "\"\nname = \"" + example.name + "\"\n";
  if (example.receives) {
    const seal::Identity identity = seal::Identity::generate(kind);
    const std::string recipient = identity.recipient().text();
    write_new_private(client / "identity.txt", "# public key: " + recipient + "\n" + identity.text() + "\n");
    text += "seal_to = [\"" + recipient + "\"]\n";
  }
  text += std::string("\n[[accounts]]\nuser = \"") + example.user + "\"\nrole = \"" + example.role +
          "\"\nkeys = [\"" + key.public_line + "\"]\n";
  write_text(directory / "agencies" / (std::string(example.id) + ".toml"), text);
}

// In quotes for ssh_config, where % begins a token.
std::string ssh_path(const fs::path& path) {
  std::string text = "\"";
  for (const char c : path.string()) {
    text += c == '%' ? std::string("%%") : std::string(1, c);
  }
  return text + "\"";
}

// So that `sftp -F DIR/clients/ssh_config moorvale-acute` is all there is to type.
std::string ssh_config(const fs::path& directory, std::uint16_t port) {
  const fs::path clients = directory / "clients";
  std::string text;
  for (const Example& example : kExamples) {
    text += std::string("Host ") + example.id + "\n  User " + example.user + "\n  IdentityFile " +
            ssh_path(clients / example.id / "id_ed25519") + "\n\n";
  }
  return text + "Host *\n  HostName 127.0.0.1\n  Port " + std::to_string(port) +
         "\n  IdentitiesOnly yes\n  IdentityAgent none\n  UserKnownHostsFile " +
         ssh_path(clients / "known_hosts") + "\n  StrictHostKeyChecking accept-new\n";
}

// Whatever is written must pass the check that its readers make.
void check(const fs::path& directory) {
  toml::Mistakes mistakes;
  const auto settings = hub::load_hub(directory, mistakes);
  if (!settings || !route::load_policy(directory, settings->timezone, mistakes)) {
    throw std::runtime_error("what was written has a mistake: " + mistakes.front().text());
  }
}

// Before anything is written: the origin is the only text that is not our own.
void check_origin(const std::string& origin, const fs::path& directory) {
  toml::Mistakes mistakes;
  if (origin.find_first_of("\"\\\n") == std::string::npos) {
    toml::Document document = toml::Document::parse(hub_text(origin, 1), "chancery.toml", mistakes);
    hub::read_hub(document.root(), directory);
  }
  if (origin.empty() || origin.find_first_of("\"\\\n") != std::string::npos || !mistakes.empty()) {
    throw std::invalid_argument(mistakes.empty()
                                    ? "this is not an origin. Give a name such as hub.example/log."
                                    : mistakes.front().message + ".");
  }
}

fs::path empty_directory(const fs::path& given) {
  fs::path directory = fs::absolute(given).lexically_normal();
  if (fs::exists(directory) && !(fs::is_directory(directory) && fs::is_empty(directory))) {
    throw std::runtime_error(given.string() +
                             " exists and is not an empty directory. Name a new one, or remove it first.");
  }
  // Its owner could put other files, and links, in the place of those that are written.
  struct stat status {};
  if (::stat(directory.c_str(), &status) == 0 && status.st_uid != ::geteuid()) {
    throw std::runtime_error(given.string() + " belongs to another user. Name a new one.");
  }
  if (directory.string().find_first_of("\"\n") != std::string::npos) {
    throw std::invalid_argument("the directory's path holds a quotation mark or a line end. Name another.");
  }
  return directory;
}

void write_all(const fs::path& directory, const std::string& origin, std::uint16_t port, seal::KeyKind kind) {
  for (const char* folder : {"agencies", "agreements", "routes", "clients"}) {
    fs::create_directories(directory / folder);
  }
  fs::permissions(directory / "clients", fs::perms::owner_all);
  write_text(directory / "chancery.toml", hub_text(origin, port));
  write_text(directory / "agreements" / "DSA-042.toml", agreement_text());
  write_text(directory / "routes" / "maternity-cc.toml", route_text());
  for (const Example& example : kExamples) {
    write_agency(directory, example, kind);
  }
  write_text(directory / "clients" / "ssh_config", ssh_config(directory, port));
  check(directory);
}

void say_what_next(const std::string& shown) {
  std::cout
      << "A hub for trying, in " << shown
      << ":\n"
         "  chancery.toml              the hub: loopback only\n"
         "  agencies/                  moorvale-acute sends, northmoor-council receives, audit is an "
         "auditor's\n"
         "  agreements/DSA-042.toml    what they agreed\n"
         "  routes/maternity-cc.toml   the one route, live\n"
         "  clients/AGENCY/            each agency's own keys: an SSH key to log in with, an age identity "
         "to open with\n"
         "\nStart it:\n  chancery run "
      << shown << "\nThen, in another terminal, send a file:\n  sftp -F " << shown
      << "/clients/ssh_config moorvale-acute\n  sftp> put FILE /send/maternity-cc/\nand fetch it on the "
         "other side:\n  sftp -F "
      << shown << "/clients/ssh_config northmoor-council\n  sftp> get /collect/maternity-cc/FILE.age\n"
      << "  chancery open -i " << shown << "/clients/northmoor-council/identity.txt -o FILE FILE.age\n";
}

}  // namespace

int init(Arguments arguments) {
  auto options =
      options_of(arguments, "[--port N] [--origin NAME] [--pq] DIR",
                 "Writes a small working configuration for trying, developing and testing: two agencies, "
                 "an auditor, one live route, fresh keys, all below DIR, which must not exist or be empty.");
  options.add_options()("port", "the port to listen on, on loopback (2222)",
                        cxxopts::value<std::uint16_t>()->default_value("2222"), "N");
  options.add_options()("origin", "the ledger's name (hub.example/log)",
                        cxxopts::value<std::string>()->default_value("hub.example/log"), "NAME");
  options.add_options()("pq", "a post-quantum key for the recipient (age 1.3 or later opens it)");
  options.add_options("hidden")("directory", "", cxxopts::value<std::string>());
  options.parse_positional({"directory"});
  const auto parsed = parse(options, arguments, "chancery init --port 2222 /tmp/hub");
  if (!parsed) {
    return kOk;
  }
  if (parsed->count("directory") == 0) {
    throw std::invalid_argument("where? Name a directory that does not exist yet.");
  }
  const std::string shown = (*parsed)["directory"].as<std::string>();
  const std::string origin = (*parsed)["origin"].as<std::string>();
  const fs::path directory = empty_directory(shown);
  check_origin(origin, directory);
  const bool quantum = parsed->count("pq") != 0;
  write_all(directory, origin, (*parsed)["port"].as<std::uint16_t>(),
            quantum ? seal::KeyKind::mlkem768x25519 : seal::KeyKind::x25519);
  say_what_next(shown);
  return kOk;
}

}  // namespace chancery::cli
