#include "daemon/start/past.h"

#include <chrono>
#include <stdexcept>
#include <thread>

namespace chancery::start {

namespace {

constexpr std::chrono::seconds kRetry{1};
constexpr int kRetries = 60;

}  // namespace

transfer::Past past_of(service::Client& client, const service::Head& head) {
  return {head.size, [&client, size = head.size](std::uint64_t from, const auto& visit) {
            entry::EntryView entry;  // these two are filled anew for each, and keep their room
            entry::EventView event;
            client.visit_entries(from, size, true, [&](std::uint64_t seq, const service::EntryView& stored) {
              if (const auto error = entry::parse_into(stored.text, entry))
                throw std::runtime_error("entry " + std::to_string(seq) + " is damaged: " + error->reason);
              if (entry.seq != seq)
                throw std::runtime_error("entry " + std::to_string(seq) + " is another one");
              event.id = entry.id;
              event.name = entry.event;
              event.plain.swap(entry.plain);
              event.committed = stored.details;
              visit(seq, entry.time, event);
            });
          }};
}

service::Head wait_for_ledger(service::Client& client, const std::string& origin, const transfer::Log& log) {
  for (int tried = 0;; ++tried) {
    try {
      service::Head head = client.head();
      if (head.origin != origin)
        throw std::runtime_error("chancery-ledgerd keeps the ledger " + head.origin +
                                 ", but chancery.toml says " + origin);
      if (!head.writable)
        throw std::runtime_error("the ledger takes no entries (" + head.reason +
                                 "). If it is damaged, `chancery ledger verify` says where.");
      return head;
    } catch (const service::Unavailable& error) {
      if (tried == 0) log(std::string("waiting for chancery-ledgerd: ") + error.what());
      if (tried >= kRetries)
        throw std::runtime_error(std::string("chancery-ledgerd does not answer: ") + error.what());
      std::this_thread::sleep_for(kRetry);
    }
  }
}

}  // namespace chancery::start
