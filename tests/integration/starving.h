#pragma once

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <new>
#include <thread>

// For one program: its operator new fails once, at the Nth time from now on that a thread calls it which was
// not spared. Each line of the program's input is an N, and is answered with what was left of the one before:
// 0 if that has come.
inline std::atomic<long> until_failure{0};
inline thread_local bool spared = false;

inline void spare_this_thread() { spared = true; }

inline void listen_for_failures() {
  std::thread([] {
    spare_this_thread();
    for (long next = 0; std::cin >> next;) {
      const long left = until_failure.exchange(next);
      std::printf("left %ld\n", left);
      std::fflush(stdout);
    }
  }).detach();
}

inline void* allocate(std::size_t size) {
  if (!spared) {
    long left = until_failure.load();
    while (left > 0 && !until_failure.compare_exchange_weak(left, left - 1)) continue;
    if (left == 1) throw std::bad_alloc();
  }
  if (void* const memory = std::malloc(size > 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
