// Appends to a ledger what uploads would have, so that starting with it can be measured:
// ledger_fill LEDGER KEYS ORIGIN ENTRIES FROM TO ROUTE. No service may have the ledger open.
#include <cstdio>
#include <cstdlib>
#include <future>
#include <string>
#include <vector>

#include "ledger/log/log.h"

namespace {

using namespace chancery;

constexpr std::size_t kBatch = 1000;
const std::string kDigest(64, 'a');  // of the policy

// Another one for each transfer or object.
std::string digest_of(const std::string& id) { return id + id; }

entry::Event accepted(const std::string& from, const std::string& route, std::size_t number) {
  entry::Event event;
  event.id = entry::new_id();
  event.name = "file.accepted";
  event.plain = {{"agency", from},    {"agreement", "-"}, {"outputs", "1"},
                 {"policy", kDigest}, {"route", route},   {"transfer", entry::to_hex(event.id)}};
  const std::string digest = digest_of(event.plain.at("transfer"));
  event.committed = {{"account", from},       {"address", "192.0.2.117"},
                     {"key", "SHA256:bench"}, {"name", "file-" + std::to_string(number) + ".csv"},
                     {"rows-in", ""},         {"rows-out", ""},
                     {"sha256", digest},      {"size", "4096"},
                     {"subjects", ""}};
  return event;
}

entry::Event delivered(const entry::Event& file, const std::string& to) {
  entry::Event event;
  event.id = entry::new_id();
  event.name = "delivery.made";
  const std::string object = entry::to_hex(entry::new_id());
  event.plain = {{"agency", to},
                 {"object", object},
                 {"route", file.plain.at("route")},
                 {"sealed-sha256", digest_of(object)},
                 {"sealed-size", "4312"},
                 {"transfer", file.plain.at("transfer")}};
  event.committed = {{"name", file.committed.at("name")},
                     {"recipients", ""},
                     {"rows", ""},
                     {"sha256", file.committed.at("sha256")}};
  return event;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 8) return std::fputs("ledger_fill LEDGER KEYS ORIGIN ENTRIES FROM TO ROUTE\n", stderr), 2;
  const std::vector<std::string> given(arguments, arguments + count);
  log::Log log({given[1], given[2], given[3], log::Clock::system(), store::kMapBytes});
  for (std::size_t made = 0; made < std::stoul(given[4]); made += kBatch) {
    std::vector<entry::Event> batch;
    for (std::size_t i = 0; i < kBatch; i += 2) {
      batch.push_back(accepted(given[5], given[7], made + i));
      batch.push_back(delivered(batch.back(), given[6]));
    }
    std::promise<log::Appended> answer;
    log.submit(entry::Author::hub, std::move(batch),
               [&](const log::Appended& appended) { answer.set_value(appended); });
    const log::Appended appended = answer.get_future().get();
    if (appended.outcome != log::Outcome::durable)
      return std::fprintf(stderr, "%s\n", appended.reason.c_str()), 1;
  }
  return 0;
}
