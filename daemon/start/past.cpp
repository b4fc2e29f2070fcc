#include "daemon/start/past.h"

#include <chrono>
#include <stdexcept>
#include <thread>
#include <variant>

namespace chancery::start {

namespace {

constexpr std::uint32_t kBatch = 1024;
constexpr std::chrono::seconds kRetry{1};
constexpr int kRetries = 60;

entry::Event event_of(const entry::Entry& entry, const service::StoredEntry& stored) {
  entry::Event event;
  event.id = entry.id;
  event.name = entry.event;
  event.plain = entry.plain;
  for (const auto& [field, opening] : stored.openings) event.committed[field] = opening.value;
  return event;
}

}  // namespace

transfer::Past past_of(service::Client& client, const service::Head& head) {
  return {head.size, [&client, size = head.size](std::uint64_t from, const auto& visit) {
            std::uint64_t next = from;
            while (next < size) {
              const auto batch = client.entries(next, kBatch, true);
              if (batch.empty()) throw std::runtime_error("the ledger gave no entry " + std::to_string(next));
              for (const service::StoredEntry& stored : batch) {
                const auto parsed = entry::parse(stored.text);
                if (const auto* error = std::get_if<entry::ParseError>(&parsed))
                  throw std::runtime_error("entry " + std::to_string(next) + " is damaged: " + error->reason);
                const auto& entry = std::get<entry::Entry>(parsed);
                if (entry.seq != next)
                  throw std::runtime_error("entry " + std::to_string(next) + " is another one");
                visit(next, entry.time, event_of(entry, stored));
                ++next;
              }
            }
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
