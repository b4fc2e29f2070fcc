#include "daemon/object/object_store.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <system_error>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/temporary_folder.h"

namespace chancery::object {
namespace {

namespace fs = std::filesystem;

class ObjectStoreTest : public testing::Test {
 protected:
  ~ObjectStoreTest() override { fs::remove_all(directory_); }

  static std::span<const std::uint8_t> bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
  }
  static std::string text(const std::vector<std::uint8_t>& read) { return {read.begin(), read.end()}; }

  const fs::path directory_ = make_temporary_folder("objects");
};

TEST_F(ObjectStoreTest, AKeptObjectIsReadBackByItsIdFromAnyOffset) {
  const ObjectStore store(directory_);
  Draft draft = store.create("x");
  draft.write(bytes("sealed "));
  draft.write(bytes("bytes"));
  EXPECT_EQ(draft.size(), 12U);
  const ObjectId id = draft.id();
  EXPECT_FALSE(store.open(id)) << "visible before it was kept";
  draft.keep();

  const auto object = store.open(id);
  ASSERT_TRUE(object);
  EXPECT_EQ(object->size(), 12U);
  EXPECT_EQ(text(object->read(0, 100)), "sealed bytes");
  EXPECT_EQ(text(object->read(7, 3)), "byt");
  EXPECT_EQ(text(object->read(12, 5)), "");
}

TEST_F(ObjectStoreTest, ADraftThatIsNotKeptLeavesNothing) {
  const ObjectStore store(directory_);
  {
    Draft draft = store.create("x");
    draft.write(bytes("half"));
    EXPECT_EQ(store.leftovers().size(), 1U);
    Draft moved = std::move(draft);
    moved.write(bytes("more"));
  }
  EXPECT_TRUE(store.leftovers().empty());
  store.for_each([](const ObjectId& id) { ADD_FAILURE() << id; });
}

TEST_F(ObjectStoreTest, LeftoversOfADeadProcessAreFoundWithTheirLabels) {
  const ObjectStore store(directory_);
  std::ofstream(directory_ / "tmp" / "0123456789abcdef0123456789abcdef~abc~moorvale~r1") << "half";
  std::ofstream(directory_ / "tmp" / "stray") << "?";
  std::set<std::string> labels;
  for (const Leftover& leftover : store.leftovers()) {
    labels.insert(leftover.label);
    store.remove_leftover(leftover);
  }
  EXPECT_EQ(labels, (std::set<std::string>{"", "abc~moorvale~r1"}));
  EXPECT_TRUE(fs::is_empty(directory_ / "tmp"));
}

TEST_F(ObjectStoreTest, ListsAndRemoves) {
  const ObjectStore store(directory_);
  std::set<ObjectId> made, seen;
  for (int i = 0; i < 20; ++i) {
    Draft draft = store.create("x");
    draft.keep();
    made.insert(draft.id());
  }
  store.for_each([&](const ObjectId& id) { seen.insert(id); });
  EXPECT_EQ(seen, made);
  for (const ObjectId& id : made) {
    store.remove(id);
    store.remove(id);  // again: no error
    EXPECT_FALSE(store.open(id));
  }
}

TEST_F(ObjectStoreTest, ASecondProcessIsKeptOut) {
  const ObjectStore store(directory_);
  EXPECT_THROW(ObjectStore second(directory_), std::system_error);
}

TEST_F(ObjectStoreTest, WhatIsSetAsideIsKeptThirtyDays) {
  ObjectId young, old;
  {
    const ObjectStore store(directory_);
    for (ObjectId* id : {&young, &old}) {
      Draft draft = store.create("x");
      draft.keep();
      *id = draft.id();
      store.set_aside(*id);
      EXPECT_FALSE(store.open(*id));
    }
  }
  fs::last_write_time(directory_ / "orphans" / (old + ".age"),
                      fs::file_time_type::clock::now() - std::chrono::hours(31 * 24));
  const ObjectStore store(directory_);
  EXPECT_TRUE(fs::exists(directory_ / "orphans" / (young + ".age")));
  EXPECT_FALSE(fs::exists(directory_ / "orphans" / (old + ".age")));
}

TEST_F(ObjectStoreTest, AnIdThatIsNotHexNeverTouchesThePath) {
  const ObjectStore store(directory_ / "objects");
  std::ofstream(directory_ / "secret.age") << "x";
  for (const char* id : {"../secret", "../../secret", "", "..", "ABCDEF0123456789ABCDEF0123456789",
                         "../../../../../../../../etc/pass"}) {
    EXPECT_FALSE(store.open(id)) << id;
    store.remove(id);
  }
  EXPECT_TRUE(fs::exists(directory_ / "secret.age"));
}

TEST_F(ObjectStoreTest, ObjectsAreForTheHubAlone) {
  const ObjectStore store(directory_ / "objects");
  Draft draft = store.create("x");
  draft.keep();
  for (const auto& entry : fs::recursive_directory_iterator(directory_ / "objects"))
    EXPECT_EQ(static_cast<unsigned>(entry.status().permissions()) & 077U, 0U) << entry.path();
}

TEST_F(ObjectStoreTest, AWriteThatTheSystemCutsShortThrowsAndLeavesNothing) {
  // A limit on file sizes stands in for a full disk: the write goes part of the way, the next one fails.
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{100'000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const ObjectStore store(directory_);
  {
    Draft draft = store.create("x");
    EXPECT_THROW(draft.write(std::vector<std::uint8_t>(1 << 20)), std::system_error);
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, ignored);
  EXPECT_TRUE(store.leftovers().empty());
}

}  // namespace
}  // namespace chancery::object
