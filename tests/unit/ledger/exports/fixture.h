#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "ledger/entry/entry.h"
#include "ledger/exports/exports.h"
#include "ledger/exports/folder.h"
#include "ledger/exports/layout.h"
#include "ledger/note/note.h"
#include "tests/unit/temporary_folder.h"

namespace chancery::exports {

// A ledger that grows, in memory. Its entries but the first are anything: an export does not read them.
struct GrowingLedger {
  std::string origin = "example.org/hub";
  note::SigningKey key =
      note::SigningKey::from_seed(note::KeyType::ed25519, origin, std::vector<std::uint8_t>(32, 7));
  note::SigningKey ml_dsa =
      note::SigningKey::from_seed(note::KeyType::ml_dsa_44, origin, std::vector<std::uint8_t>(32, 9));
  std::vector<std::string> entries;
  std::vector<merkle::Hash> stored;
  merkle::Frontier tree;
  std::vector<std::pair<std::uint64_t, std::string>> checkpoints;
  std::uint64_t time = 1'793'611'800;
  std::uint64_t fail_after = ~std::uint64_t{0};  // so many more rows are answered

  explicit GrowingLedger(const std::string& name = "example.org/hub") : origin(name) {
    append_event(
        "log.genesis",
        {{"origin", origin}, {"vkey", key.verifier().text()}, {"mldsa-vkey", ml_dsa.verifier().text()}});
  }

  void append(std::string text) {
    tree.append(merkle::leaf_hash(text), stored);
    entries.push_back(std::move(text));
  }
  void append_event(const std::string& event, const std::map<std::string, std::string>& plain) {
    entry::Entry made;
    made.seq = entries.size();
    made.event = event;
    made.plain = plain;
    append(made.text());
  }
  void grow_to(std::uint64_t size) {
    while (entries.size() < size) append("entry " + std::to_string(entries.size()));
    sign();
  }
  void sign() {
    const note::Checkpoint head{origin, tree.size(), tree.root()};
    const note::SigningKey* keys[] = {&key, &ml_dsa};
    checkpoints.emplace_back(head.size, note::sign_note(head.body(), keys, time++).encode());
  }

  Source source() {
    const auto row = [this] {
      if (fail_after-- == 0) throw std::runtime_error("interrupted");
    };
    return {checkpoints.empty() ? "" : checkpoints.back().second,
            [this, row](std::uint64_t from, const auto& visit) {
              for (std::uint64_t i = from; i < entries.size(); ++i) {
                row();
                if (!visit(i, entries[i])) return;
              }
            },
            [this, row](std::uint64_t from, std::uint64_t end, const auto& visit) {
              for (std::uint64_t i = from; i < end && i < stored.size(); ++i) {
                row();
                if (!visit(stored[i])) return;
              }
            },
            [this, row](const auto& visit) {
              for (const auto& [size, note] : checkpoints) {
                row();
                if (!visit(size, note)) return;
              }
            }};
  }
};

class ExportTest : public ::testing::Test {
 protected:
  ~ExportTest() override { std::filesystem::remove_all(folder_); }

  Result write(GrowingLedger& ledger, const std::string& out, const std::string& policies = "") {
    const Source source = ledger.source();
    return write_export(source, {folder_ / out, policies.empty() ? "" : folder_ / policies, {}});
  }

  // Path -> bytes of all that is there, folders with a slash at the end.
  std::map<std::string, std::string> content(const std::string& out) const {
    std::map<std::string, std::string> files;
    for (const auto& one : std::filesystem::recursive_directory_iterator(folder_ / out)) {
      const std::string path = one.path().lexically_relative(folder_ / out).string();
      if (one.is_directory()) {
        files[path + "/"];
      } else {
        std::ifstream file(one.path(), std::ios::binary);
        files[path] = {std::istreambuf_iterator<char>(file), {}};
      }
    }
    return files;
  }
  // What an export into a new folder gives.
  std::map<std::string, std::string> fresh(GrowingLedger& ledger, const std::string& policies = "") {
    std::filesystem::remove_all(folder_ / "fresh");
    write(ledger, "fresh", policies);
    return content("fresh");
  }
  void put(const std::string& path, const std::string& bytes) const {
    std::filesystem::create_directories((folder_ / path).parent_path());
    std::ofstream(folder_ / path, std::ios::binary) << bytes;
  }

  std::filesystem::path folder_ = make_temporary_folder("chancery-export");
};

}  // namespace chancery::exports
