#include "ledger/exports/layout.h"

#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "ledger/exports/error.h"
#include "ledger/exports/sums.h"
#include "ledger/exports/tiles.h"

namespace chancery::exports {
namespace {

TEST(Layout, paths_are_those_of_tlog_tiles) {
  EXPECT_EQ(tile_path(0, 1234067), "tile/0/x001/x234/067");
  EXPECT_EQ(tile_path(0, 67), "tile/0/067");
  EXPECT_EQ(tile_path(1, 1000, 17), "tile/1/x001/000.p/17");
  EXPECT_EQ(tile_path(63, 0, 1), "tile/63/000.p/1");
  EXPECT_EQ(bundle_path(999), "tile/entries/999");
  EXPECT_EQ(bundle_path(1'000'000'000, 255), "tile/entries/x001/x000/x000/000.p/255");
  EXPECT_EQ(checkpoint_path(70000), "checkpoints/70000");
}

struct Tiles {
  std::map<unsigned, std::vector<std::uint64_t>> widths;  // by level, in order of index
  std::map<std::string, std::string> bytes;

  TileCutter::Take take() {
    return [this](unsigned level, std::uint64_t index, std::uint64_t width, std::string_view content) {
      EXPECT_EQ(index, widths[level].size());
      EXPECT_EQ(content.size(), width * kHashBytes);
      widths[level].push_back(width);
      bytes[tile_path(level, index, width)] = content;
    };
  }
};

std::vector<merkle::Hash> stored_of(std::uint64_t size) {
  merkle::Frontier tree;
  std::vector<merkle::Hash> stored;
  for (std::uint64_t i = 0; i < size; ++i) tree.append(merkle::leaf_hash(std::to_string(i)), stored);
  return stored;
}

// The example of the tlog-tiles page.
TEST(Layout, seventy_thousand_entries_have_the_tiles_of_the_specification) {
  Tiles tiles;
  TileCutter cutter(0, {}, tiles.take());
  cutter.add(stored_of(70000));
  cutter.finish();
  std::vector<std::uint64_t> level0(273, kTileWidth);
  level0.push_back(112);
  EXPECT_EQ(tiles.widths,
            (std::map<unsigned, std::vector<std::uint64_t>>{{0, level0}, {1, {kTileWidth, 17}}, {2, {1}}}));
}

// Each hash is the root of the entries that the specification says.
TEST(Layout, hashes_of_higher_tiles_are_roots_of_full_tiles_below) {
  constexpr std::uint64_t kSize = 66000;
  const auto stored = stored_of(kSize);
  Tiles tiles;
  TileCutter cutter(0, {}, tiles.take());
  cutter.add(stored);
  cutter.finish();
  const auto root_of = [&](std::uint64_t first, std::uint64_t count) {
    merkle::Frontier tree;
    std::vector<merkle::Hash> ignored;
    for (std::uint64_t i = first; i < first + count; ++i) {
      tree.append(merkle::leaf_hash(std::to_string(i)), ignored);
    }
    const merkle::Hash root = tree.root();
    return std::string(root.begin(), root.end());
  };
  EXPECT_EQ(tiles.bytes.at("tile/0/001").substr(5 * kHashBytes, kHashBytes), root_of(256 + 5, 1));
  EXPECT_EQ(tiles.bytes.at("tile/1/000").substr(255 * kHashBytes, kHashBytes), root_of(255 * 256, 256));
  EXPECT_EQ(tiles.bytes.at("tile/1/001.p/1"), root_of(65536, 256));
  EXPECT_EQ(tiles.bytes.at("tile/2/000.p/1"), root_of(0, 65536));
}

TEST(Layout, cutting_may_begin_at_any_full_tile) {
  constexpr std::uint64_t kSize = 66000;
  const auto stored = stored_of(kSize);
  Tiles whole;
  TileCutter cutter(0, {}, whole.take());
  cutter.add(stored);
  cutter.finish();
  for (const std::uint64_t from : {256U, 65280U, 65536U, 65792U}) {
    std::map<std::string, std::string> rest;
    TileCutter later(
        from, [&](std::uint64_t index) { return stored.at(index); },
        [&](unsigned level, std::uint64_t index, std::uint64_t width, std::string_view bytes) {
          rest[tile_path(level, index, width)] = bytes;
        });
    later.add(std::span(stored).subspan(merkle::stored_count(from)));
    later.finish();
    for (const auto& [path, bytes] : rest) EXPECT_EQ(whole.bytes.at(path), bytes) << path;
    EXPECT_TRUE(rest.contains(tile_path(0, kSize / 256, kSize % 256)));
    EXPECT_TRUE(rest.contains("tile/2/000.p/1"));
    EXPECT_FALSE(rest.contains("tile/0/000"));
  }
}

TEST(Layout, every_stored_hash_can_be_read_from_the_tiles) {
  for (const std::uint64_t size : {1U, 2U, 255U, 256U, 257U, 700U, 66000U}) {
    const auto stored = stored_of(size);
    Tiles tiles;
    TileCutter cutter(0, {}, tiles.take());
    cutter.add(stored);
    cutter.finish();
    const auto read = tile_reader(size, [&](const std::string& path) { return tiles.bytes.at(path); });
    const std::uint64_t step = size > 1000 ? 37 : 1;
    for (std::uint64_t i = 0; i < stored.size(); i += step)
      ASSERT_EQ(read(i), stored[i]) << size << ": " << i;
    EXPECT_EQ(read(stored.size() - 1), stored.back());
    EXPECT_EQ(merkle::tree_root(size, read),
              merkle::tree_root(size, [&](std::uint64_t i) { return stored.at(i); }));
  }
  const auto short_tile = tile_reader(5, [](const std::string&) { return std::string(31, 'x'); });
  EXPECT_THROW(static_cast<void>(short_tile(0)), Error);
}

TEST(Bundle, entries_come_back_and_nothing_else_is_accepted) {
  std::string bundle;
  const std::vector<std::string> entries{"one", "", std::string(65535, 'x')};
  for (const std::string& entry : entries) append_to_bundle(bundle, entry);
  EXPECT_EQ(bundle.substr(0, 5), std::string("\0\3one", 5));
  std::vector<std::string> read;
  const auto take = [&](std::string_view entry) { read.emplace_back(entry); };
  EXPECT_TRUE(read_bundle(bundle, 3, take));
  EXPECT_EQ(read, entries);
  EXPECT_FALSE(read_bundle(bundle, 2, take));
  EXPECT_FALSE(read_bundle(bundle, 4, take));
  EXPECT_FALSE(read_bundle(bundle + '\0', 3, take));
  EXPECT_FALSE(read_bundle(std::string_view(bundle).substr(0, bundle.size() - 1), 3, take));
  EXPECT_FALSE(read_bundle(bundle.substr(0, 1), 1, take));
  EXPECT_THROW(append_to_bundle(bundle, std::string(65536, 'x')), std::length_error);
}

TEST(Sums, are_read_as_they_were_written) {
  const Sums sums{{"a", merkle::sha256_of("a")}, {"tile/0/000.p/1", merkle::sha256_of("b")}};
  const std::string text = format_sums(sums);
  EXPECT_TRUE(text.starts_with("ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb  a\n"));
  EXPECT_EQ(parse_sums(text), sums);
  EXPECT_EQ(parse_sums(""), Sums{});
}

TEST(Sums, anything_else_is_refused) {
  const std::string hex = to_hex(merkle::sha256_of("a"));
  const std::string line = hex + "  a\n";
  std::string upper = line;
  upper[0] = 'C';
  for (const std::string& text :
       {line + line, hex + "  b\n" + line, line.substr(0, line.size() - 1), upper, hex + " *a\n",
        hex + "  \n", hex + "  /a\n", hex + "  ../a\n", hex + "  a/./b\n", hex + "  a//b\n", hex + "  a\\b\n",
        hex + "  a\x01\n", std::string("\n")}) {
    EXPECT_FALSE(parse_sums(text)) << text;
  }
}

}  // namespace
}  // namespace chancery::exports
