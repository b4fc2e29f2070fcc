#pragma once

#include <string>
#include <vector>

#include "policies/seal/recipient.h"

// Files of recipients and identities, as age has them: one a line; empty lines and lines that begin with #
// are skipped.
namespace chancery::cli {

// Throw std::runtime_error that names the file and the line.
std::vector<seal::Recipient> read_recipients(const std::string& path);
std::vector<seal::Identity> read_identities(const std::string& path);

// One recipient given on the command line. Throws std::runtime_error.
seal::Recipient recipient_of(const std::string& text);

}  // namespace chancery::cli
