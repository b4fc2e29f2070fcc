#include "ledger/service/journal.h"

#include <cstdio>
#include <cstdlib>
#include <string>

#include <systemd/sd-daemon.h>

namespace chancery::service {

void say(Priority priority, std::string_view line) {
  static const bool to_journal = std::getenv("JOURNAL_STREAM") != nullptr;
  std::string text =
      to_journal ? "<" + std::to_string(static_cast<int>(priority)) + ">" : "chancery-ledgerd: ";
  for (const char c : line) text.push_back(c >= ' ' && c <= '~' ? c : '?');
  text.push_back('\n');
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
}

void notify(const char* state) { (void)::sd_notify(0, state); }

}  // namespace chancery::service
