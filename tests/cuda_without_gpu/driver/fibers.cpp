// Runs a kernel: block by block, a fiber for each thread. A fiber runs until it waits for others.
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include "driver.h"
#include "faults.h"
#include "order.h"
#include "switch.h"

namespace standin {

namespace {
constexpr size_t STACK = 256 << 10, PAGE = 4096, SHARED = 1 << 20;
// Behind a block's shared memory, up to the page without access.
constexpr unsigned char CANARY = 0xa5;

struct Fiber {
  Thread thread;
  void *stack;
  bool done;
  volatile unsigned long *where;  // waits until this is no longer `old`
  unsigned long old;
};

Fiber fibers[MAX_THREADS];
Fiber *current;
Warp warps[MAX_THREADS / LANES];
Block block_state;
void *scheduler;
const Function *kernel;
void **kernel_arguments;

void yield() { standin_switch(&current->stack, scheduler); }

void wait_change(Thread *thread, volatile unsigned long *where, unsigned long old) {
  Fiber *fiber = (Fiber *)thread;
  fiber->where = where;
  fiber->old = old;
  yield();
}

// A barrier for those that live: who comes last opens it.
template <class Group> void meet(Thread *thread, Group &group) {
  unsigned long generation = group.generation;
  if (++group.arrived >= group.live) {
    group.arrived = 0;
    group.generation++;
  } else {
    wait_change(thread, (volatile unsigned long *)&group.generation, generation);
  }
}

template <class Group> void leave(Group &group) {
  group.live--;
  if (group.live && group.arrived >= group.live) {
    group.arrived = 0;
    group.generation++;
  }
}

void sync_block(Thread *thread) { meet(thread, *thread->block); }

void sync_warp(Thread *thread, const char *meeting) {
  Warp &warp = *thread->warp;
  if (warp.arrived == 0) warp.meeting = meeting;
  if (warp.meeting != meeting && strcmp(warp.meeting, meeting) != 0) {
    static char why[200];
    snprintf(why, sizeof why, "lanes of a warp are in different collectives: %s and %s", warp.meeting, meeting);
    fault(thread, why);
  }
  meet(thread, warp);
}

const Services &services() {
  static const Services all = {sync_block, sync_warp, wait_change, fault,
                               number_setting("STANDIN_LATE", 1) != 0, number_setting("STANDIN_EXACT", 0) != 0};
  return all;
}

void fiber_main() {
  Fiber *fiber = current;
  kernel->entry(kernel_arguments);
  fiber->done = true;
  leave(*fiber->thread.block);
  leave(*fiber->thread.warp);
  yield();
  abort();
}

// Stacks, each with a page without access below it.
char *stack_end(int number) {
  static char *all = nullptr;
  if (!all) {
    all = (char *)mmap(nullptr, (STACK + PAGE) * MAX_THREADS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    for (int i = 0; i < MAX_THREADS; i++) mprotect(all + i * (STACK + PAGE), PAGE, PROT_NONE);
  }
  return all + (number + 1) * (STACK + PAGE);
}

// Shared memory that ends, but for its alignment to 1024 bytes, at a page without access.
char *shared_memory(size_t bytes) {
  static char *all = nullptr;
  if (!all) {
    all = (char *)mmap(nullptr, SHARED + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(all + SHARED, PAGE, PROT_NONE);
  }
  return all + SHARED - (bytes + 1023) / 1024 * 1024;
}

Thread thread_of(int number, Dim index, Dim block_index, Dim block, Dim grid, char *shared) {
  return {index, block_index, block, grid, number % LANES, number, 0, &warps[number / LANES], &block_state, shared, nullptr, &services()};
}

void prepare_fiber(int number, const Thread &thread, int threads) {
  Fiber &fiber = fibers[number];
  fiber.thread = thread;
  fiber.done = false;
  fiber.where = nullptr;
  if (number % LANES == 0) {
    Warp &warp = *thread.warp;
    warp.generation = warp.arrived = 0;
    warp.live = threads - number < LANES ? threads - number : LANES;
  }
  void **top = (void **)(stack_end(number) - 64);
  *--top = nullptr;  // aligns the stack as at a call
  *--top = (void *)fiber_main;
  for (int i = 0; i < 6; i++) *--top = nullptr;
  fiber.stack = top;
}

bool is_ready(const Fiber &fiber) { return !fiber.done && !(fiber.where && *fiber.where == fiber.old); }

void resume(Fiber &fiber) {
  fiber.where = nullptr;
  current = &fiber;
  *kernel->current = &fiber.thread;
  standin_switch(&scheduler, fiber.stack);
}

// One round over the lanes of a warp that are ready. Returns how many ended, and sets `moved` if any ran.
int run_lanes(int warp, int threads, Order &lanes, bool &moved) {
  int ended = 0;
  lanes.shuffle();
  for (unsigned lane : lanes) {
    int number = warp * LANES + lane;
    if (number >= threads || !is_ready(fibers[number])) continue;
    resume(fibers[number]);
    moved = true;
    ended += fibers[number].done;
  }
  return ended;
}

void free_copies(Copy *copy) {
  while (copy) {
    Copy *next = copy->next;
    free(copy);
    copy = next;
  }
}

void run_fibers(int threads) {
  int count = (threads + LANES - 1) / LANES, left = threads;
  Order order(count), lanes(LANES);
  while (left) {
    bool any = false;
    order.shuffle();
    for (unsigned warp : order) {
      bool moved;
      do {
        moved = false;
        left -= run_lanes(warp, threads, lanes, moved);
        any |= moved;
        // Shuffled warps overtake each other at any point; others run on as far as they can.
      } while (moved && !(Order::shuffled() && Order::random() % 2));
    }
    if (!any) fault(&fibers[0].thread, "threads wait for each other for ever");
  }
  for (int i = 0; i < threads; i++) free_copies(fibers[i].thread.copies);
  while (Barrier *barrier = block_state.barriers) {
    free_copies(barrier->copies);
    block_state.barriers = barrier->next;
    delete barrier;
  }
}

void run_block(Dim block_index, Dim grid, Dim block, size_t shared_bytes) {
  static const bool poison = number_setting("STANDIN_POISON", 1);
  int threads = block.x * block.y * block.z, number = 0;
  char *shared = shared_memory(shared_bytes);
  size_t behind = (1024 - shared_bytes % 1024) % 1024;
  if (poison) memset(shared, 0xff, shared_bytes);
  memset(shared + shared_bytes, CANARY, behind);
  block_state = {0, 0, threads, nullptr};
  for (unsigned z = 0; z < block.z; z++) {
    for (unsigned y = 0; y < block.y; y++) {
      for (unsigned x = 0; x < block.x; x++, number++) {
        Thread thread = thread_of(number, {x, y, z}, block_index, block, grid, shared);
        if (kernel->fibers) {
          prepare_fiber(number, thread, threads);
        } else {
          // No thread of this kernel waits for another, so each runs here.
          current = &fibers[0];
          current->thread = thread;
          *kernel->current = &current->thread;
          kernel->entry(kernel_arguments);
        }
      }
    }
  }
  if (kernel->fibers) run_fibers(threads);
  for (size_t i = 0; i < behind; i++) {
    if ((unsigned char)shared[shared_bytes + i] != CANARY) fault(&fibers[0].thread, "a write behind the block's shared memory");
  }
}
}  // namespace

const Thread *running_thread() { return kernel && current ? &current->thread : nullptr; }
const Function *running_kernel() { return kernel; }

bool run_grid(const Function &function, Dim grid, Dim block, size_t shared_bytes, void **arguments) {
  watch_memory_faults();
  kernel = &function;
  kernel_arguments = arguments;
  Order order((size_t)grid.x * grid.y * grid.z);
  order.shuffle();
  for (unsigned at : order) run_block({at % grid.x, at / grid.x % grid.y, at / grid.x / grid.y}, grid, block, shared_bytes);
  kernel = nullptr;
  return true;
}

}  // namespace standin
