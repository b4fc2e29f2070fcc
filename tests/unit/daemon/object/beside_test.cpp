#include "daemon/object/beside.h"

#include <atomic>
#include <chrono>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace chancery::object {
namespace {

using namespace std::chrono_literals;

TEST(Beside, TheCallerGoesOnMeanwhile) {
  std::promise<void> open;
  std::thread::id other;
  Beside beside;
  beside.run([&, gate = open.get_future().share()] {
    gate.wait();
    other = std::this_thread::get_id();
  });
  open.set_value();  // would never be reached by a caller that waits
  beside.wait();
  EXPECT_NE(other, std::thread::id());
  EXPECT_NE(other, std::this_thread::get_id());
}

TEST(Beside, FunctionsRunOneAfterAnother) {
  std::vector<int> order;  // without a lock: a race is found by the thread sanitizer
  Beside beside;
  for (int i = 0; i < 200; ++i) beside.run([&order, i] { order.push_back(i); });
  beside.wait();
  ASSERT_EQ(order.size(), 200U);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(Beside, WhatAFunctionThrewIsToldOnceByTheNextCall) {
  Beside beside;
  bool ran = false;
  beside.run([] { throw std::runtime_error("the disk is full"); });
  try {
    beside.run([&] { ran = true; });
    ADD_FAILURE();
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()), "the disk is full");
  }
  EXPECT_NO_THROW(beside.wait());
  EXPECT_FALSE(ran);
}

TEST(Beside, OneThatGoesWaitsForItsFunction) {
  std::atomic<bool> ended = false;
  {
    Beside beside;
    beside.run([&] {
      std::this_thread::sleep_for(50ms);
      ended = true;
      throw std::runtime_error("told to nobody");
    });
  }
  EXPECT_TRUE(ended);
}

// More of them than there are threads: none of them waits for another.
TEST(Beside, ManyAtOnceAllEnd) {
  std::atomic<int> ended = 0;
  {
    std::vector<Beside> all(500);
    for (Beside& one : all) one.run([&] { ++ended; });
  }
  EXPECT_EQ(ended, 500);
}

}  // namespace
}  // namespace chancery::object
