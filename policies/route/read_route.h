#pragma once

#include <string_view>

#include "policies/route/policy.h"
#include "policies/toml/document.h"

namespace chancery::route {

// Reads the table of routes/STEM.toml. Mistakes are reported to the document's list; the result is usable
// only without any. What other files say is not asked for.
Route read_route(toml::Table table, std::string_view file_stem);

}  // namespace chancery::route
