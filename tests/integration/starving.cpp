#include "tests/integration/starving.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <new>
#include <thread>

namespace {

std::atomic<long> until_failure{0};
thread_local bool spared = false;

void* allocate(std::size_t size) {
  if (!spared) {
    long left = until_failure.load();
    while (left > 0 && !until_failure.compare_exchange_weak(left, left - 1)) continue;
    if (left == 1) throw std::bad_alloc();
  }
  if (void* const memory = std::malloc(size > 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void spare_this_thread() { spared = true; }

void listen_for_failures() {
  std::thread([] {
    spare_this_thread();
    for (long next = 0; std::cin >> next;) {
      const long left = until_failure.exchange(next);
      std::printf("left %ld\n", left);
      std::fflush(stdout);
    }
  }).detach();
}

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
