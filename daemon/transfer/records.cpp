#include "daemon/transfer/records.h"

namespace chancery::transfer {

Names::Id Names::of(std::string_view name) {
  const auto found = ids_.find(name);
  if (found != ids_.end()) return found->second;
  const auto id = static_cast<Id>(names_.size());
  ids_.emplace(names_.emplace_back(name), id);
  return id;
}

std::optional<Names::Id> Names::find(std::string_view name) const {
  const auto found = ids_.find(name);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace chancery::transfer
