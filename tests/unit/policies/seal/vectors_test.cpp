// The public test vectors of age (C2SP/CCTV): every file, with the class of its answer and the plaintext that
// may have come out before a failure.
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <botan/hash.h>
#include <botan/hex.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "policies/seal/seal.h"
#include "tests/vectors/sets.h"

namespace chancery::seal {
namespace {

namespace fs = std::filesystem;
using Data = std::vector<std::uint8_t>;

struct Vector {
  std::string name;
  std::string expect;
  std::string payload_hash;  // empty when the vector does not say
  std::vector<Identity> identities;
  bool passphrase = false;
  Data file;
};

Data inflated(const Data& in) {
  Data out(std::size_t{32} * 1024 * 1024);
  uLongf size = out.size();
  if (uncompress(out.data(), &size, in.data(), in.size()) != Z_OK) {
    throw std::runtime_error("a vector does not decompress");
  }
  out.resize(size);
  return out;
}

Vector read_vector(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  Vector vector;
  vector.name = path.filename();
  bool compressed = false;
  for (std::string line; std::getline(in, line) && !line.empty();) {
    const std::size_t colon = line.find(": ");
    const std::string key = line.substr(0, colon);
    const std::string value = line.substr(colon + 2);
    if (key == "expect") {
      vector.expect = value;
    } else if (key == "payload") {
      vector.payload_hash = value;
    } else if (key == "identity") {
      vector.identities.push_back(Identity::parse(value).value());
    } else if (key == "passphrase") {
      vector.passphrase = true;
    } else if (key == "compressed") {
      compressed = true;
    } else if (key != "file key" && key != "armored" && key != "comment") {
      throw std::runtime_error("a vector says something unknown: " + key);
    }
  }
  vector.file.assign(std::istreambuf_iterator<char>(in), {});
  if (compressed) {
    vector.file = inflated(vector.file);
  }
  return vector;
}

struct Answer {
  std::string verdict;
  Data plaintext;
};

Answer open(const Vector& vector, std::size_t step, unsigned threads) {
  static const std::map<Failure, std::string> kNames{{Failure::header, "header failure"},
                                                     {Failure::no_match, "no match"},
                                                     {Failure::hmac, "HMAC failure"},
                                                     {Failure::payload, "payload failure"},
                                                     {Failure::armor, "armor failure"}};
  Answer answer;
  try {
    Opener opener(
        vector.identities,
        [&](std::span<const std::uint8_t> bytes) {
          answer.plaintext.insert(answer.plaintext.end(), bytes.begin(), bytes.end());
        },
        threads);
    for (std::size_t at = 0; at < vector.file.size(); at += step) {
      opener.update(std::span(vector.file).subspan(at, std::min(step, vector.file.size() - at)));
    }
    opener.finish();
    answer.verdict = "success";
  } catch (const OpenError& error) {
    answer.verdict = kNames.at(error.failure());
  }
  return answer;
}

std::string sha256(const Data& bytes) {
  const auto hash = Botan::HashFunction::create_or_throw("SHA-256");
  hash->update(bytes);
  return Botan::hex_encode(hash->final(), false);
}

// We support no passphrases. A file under one alone is "no match" whatever is wrong with its stanza's
// arguments (we do not read them); what breaks the rules for all stanzas, or stands beside another, is a
// header failure as for everybody.
std::string expected(const Vector& vector) {
  static const std::set<std::string> kMalformed{"scrypt_and_x25519", "scrypt_double",
                                                "scrypt_not_canonical_body"};
  return vector.passphrase && !kMalformed.contains(vector.name) ? "no match" : vector.expect;
}

void check_folder(const fs::path& folder, std::map<std::string, int>& seen) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".md") {
      continue;
    }
    const Vector vector = read_vector(entry.path());
    ++seen[vector.passphrase ? "with a passphrase" : vector.expect];
    for (const std::size_t step : {std::size_t{1} << 20, std::size_t{4096}, std::size_t{1}}) {
      for (const unsigned threads : {1U, 3U}) {
        if (step == 1 && vector.file.size() > 200'000) {
          continue;  // the longest have 17 MiB
        }
        SCOPED_TRACE(vector.name + " in steps of " + std::to_string(step) +
                     ", threads: " + std::to_string(threads));
        const Answer answer = open(vector, step, threads);
        EXPECT_EQ(answer.verdict, expected(vector));
        if (answer.verdict == vector.expect && !vector.payload_hash.empty()) {
          EXPECT_EQ(sha256(answer.plaintext), vector.payload_hash);
        } else {
          EXPECT_TRUE(answer.plaintext.empty());
        }
      }
    }
  }
}

void print(const fs::path& folder, const std::map<std::string, int>& seen) {
  std::printf("age vectors in %s:", folder.c_str());
  for (const auto& [kind, count] : seen) {
    std::printf(" %d %s;", count, kind.c_str());
  }
  std::printf("\n");
}

TEST(AgeVectors, TranscribedCore) {
  const fs::path folder = CHANCERY_SOURCE_DIR "/tests/vectors/age";
  std::map<std::string, int> seen;
  check_folder(folder, seen);
  print(folder, seen);
  for (const char* kind : {"success", "no match", "HMAC failure", "header failure", "payload failure",
                           "armor failure", "with a passphrase"}) {
    EXPECT_GE(seen[kind], 1) << kind;
  }
}

// Debian has the whole set as a package, which scripts/setup gets.
TEST(AgeVectors, WholeSetWhereItIsInstalled) {
  const std::string package = "/usr/share/gocode/src/c2sp.org/CCTV/age/testdata";
  std::vector<fs::path> folders{CHANCERY_PREFIX "/golang-github-c2sp-cctv-dev" + package, package};
  if (const auto named = vectors::whole_set("age")) {
    folders.push_back(*named);
  }
  std::erase_if(folders, [](const fs::path& folder) { return !fs::is_directory(folder); });
  for (const fs::path& folder : folders) {
    std::map<std::string, int> seen;
    check_folder(folder, seen);
    print(folder, seen);
    EXPECT_GE(seen["success"], 10);
    EXPECT_GE(seen["header failure"], 20);
  }
  if (folders.empty()) {
    GTEST_SKIP() << vectors::kNoWholeSet;
  }
}

}  // namespace
}  // namespace chancery::seal
