#pragma once

#include <string>
#include <string_view>

// Paths of the virtual tree. They are labels: nothing here or behind it turns one into a path on the host.
namespace chancery::tree {

// Which kind of node a path names. Whether it exists is another question.
enum class Kind {
  root,
  readme,          // /README.txt
  send,            // /send
  send_route,      // /send/ROUTE
  send_file,       // /send/ROUTE/NAME
  collect,         // /collect
  collect_route,   // /collect/ROUTE
  collect_file,    // /collect/ROUTE/NAME
  receipts,        // /receipts
  receipts_month,  // /receipts/YYYY-MM
  receipt,         // /receipts/YYYY-MM/NAME
  audit,           // /audit and whatever is below it
  log_keys,        // /receipts/log-keys
  log_keys_file,   // /receipts/log-keys/NAME
  nowhere,
};

struct Place {
  Kind kind = Kind::nowhere;
  std::string folder;  // ROUTE or YYYY-MM
  std::string name;    // of a file; below /audit its path from there
};

// The absolute form of a path as a client sent it, relative ones from "/": no empty, "." or ".." components,
// and ".." at the root stays there. Section 6.11 of draft-ietf-secsh-filexfer-02 (REALPATH).
std::string absolute(std::string_view path);

Place locate(std::string_view path);

}  // namespace chancery::tree
