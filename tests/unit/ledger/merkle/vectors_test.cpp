#include <fstream>
#include <iterator>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "ledger/merkle/merkle.h"
#include "tests/vectors/sets.h"

// The inclusion and consistency cases of transparency-dev/merkle: others' trees, and proofs that must be
// refused.
namespace chancery::merkle {
namespace {

namespace json = boost::json;

struct Case {
  std::vector<Hash> proof;
  bool well_formed = true;  // false: a hash in it has not 32 bytes, which no caller could even pass on

  Hash hash(const json::value& text) {
    const auto hash = from_base64(std::string_view(text.as_string()));
    well_formed = well_formed && hash;
    return hash.value_or(Hash{});
  }
};

Case read_proof(const json::object& object) {
  Case read;
  if (const auto* list = object.at("proof").if_array()) {
    for (const json::value& text : *list) {
      read.proof.push_back(read.hash(text));
    }
  }
  return read;
}

// nullopt for what the set writes as negative or too large for a size.
std::optional<std::uint64_t> number(const json::value& value) {
  boost::system::error_code error;
  const auto result = value.to_number<std::uint64_t>(error);
  return error ? std::nullopt : std::optional(result);
}

bool accepts(const json::object& object) {
  Case read = read_proof(object);
  if (object.contains("leafIdx")) {
    const auto index = number(object.at("leafIdx"));
    const auto size = number(object.at("treeSize"));
    const Hash leaf = read.hash(object.at("leafHash"));
    const Hash root = read.hash(object.at("root"));
    return read.well_formed && index && size && verify_inclusion(*index, *size, leaf, read.proof, root);
  }
  const auto old_size = number(object.at("size1"));
  const auto size = number(object.at("size2"));
  if (old_size && old_size == size && object.at("root1") == object.at("root2")) {
    // Some cases of equal trees have roots of other than 32 bytes; all that matters there is that they are
    // equal.
    return verify_consistency(*old_size, *size, empty_root(), empty_root(), read.proof);
  }
  const Hash old_root = read.hash(object.at("root1"));
  const Hash root = read.hash(object.at("root2"));
  return read.well_formed && old_size && size &&
         verify_consistency(*old_size, *size, old_root, root, read.proof);
}

// Their library has no answer for the empty tree as the earlier one and refuses each such case, whatever its
// proof; ours defines one (merkle.h), so these cases do not apply.
bool from_the_empty_tree(const json::object& object) {
  return object.contains("size1") && number(object.at("size1")) == 0U;
}

void expect_case(const json::object& object, const std::string& name) {
  if (from_the_empty_tree(object)) {
    EXPECT_TRUE(object.at("wantErr").as_bool()) << name;
    return;
  }
  EXPECT_EQ(accepts(object), !object.at("wantErr").as_bool()) << name;
}

TEST(TransparencyDevVectors, CoreIsAnsweredAsExpected) {
  const json::value cases = json::parse(vectors::core("merkle/core.json"));
  ASSERT_GT(cases.as_array().size(), 80U);
  for (const json::value& value : cases.as_array()) {
    expect_case(value.as_object(), std::string(value.at("file").as_string()));
  }
}

TEST(TransparencyDevVectors, WholeSetIsAnsweredAsExpected) {
  const auto folder = vectors::whole_set("merkle");
  if (!folder) {
    GTEST_SKIP() << vectors::kNoWholeSet;
  }
  std::size_t count = 0;
  for (const char* kind : {"inclusion", "consistency"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(*folder / kind)) {
      if (entry.path().extension() != ".json") {
        continue;
      }
      std::ifstream file(entry.path());
      const std::string text{std::istreambuf_iterator<char>(file), {}};
      expect_case(json::parse(text).as_object(), entry.path().string());
      ++count;
    }
  }
  EXPECT_GT(count, 150U);
}

}  // namespace
}  // namespace chancery::merkle
