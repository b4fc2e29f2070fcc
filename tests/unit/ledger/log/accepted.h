#pragma once

#include <string>

#include "ledger/entry/entry.h"

namespace chancery::log {

// A file.accepted as the hub appends it, with all its fields.
inline entry::Event accepted(const std::string& name, entry::EventId id = entry::new_id()) {
  entry::Event event;
  event.id = id;
  event.name = "file.accepted";
  event.plain = {{"agency", "st-marys"}, {"agreement", "isa-7"}, {"outputs", "1"},
                 {"policy", "p1"},       {"route", "r1"},        {"transfer", entry::to_hex(id)}};
  event.committed = {{"account", "analyst"}, {"address", "192.0.2.7"}, {"key", "SHA256:abc"},
                     {"name", name},         {"rows-in", "10"},        {"rows-out", "9"},
                     {"sha256", "00ff"},     {"size", "1234"},         {"subjects", "9"}};
  return event;
}

}  // namespace chancery::log
