// Barriers in shared memory (mbarrier, cuda::barrier), and the copies that they wait for.
//
// A copy may be made at any time until the barrier lets a thread pass. It is made then and not before: a read that does not
// wait sees what was there. With STANDIN_LATE=0 it is made at once.
#pragma once
#include "threads.h"

namespace standin {

static inline Barrier &barrier_at(size_t address) {
  Barrier *barrier = thread_->block->barriers;
  while (barrier && barrier->at != (uint32_t)address) barrier = barrier->next;
  if (!barrier) fault("a barrier is used before it is initialised");
  return *barrier;
}

static inline void init_barrier(size_t address, int count) {
  for (Barrier *barrier = thread_->block->barriers; barrier; barrier = barrier->next) {
    if (barrier->at == (uint32_t)address) fault("a barrier is initialised twice");
  }
  if (address % 8) fault("a barrier that is not aligned to 8 bytes");
  thread_->block->barriers = new Barrier{thread_->block->barriers, (uint32_t)address, count, count, 0, 0, 0, nullptr};
}

// Ends the phase if all threads have arrived and all bytes have been asked for: now the copies must be there.
static inline bool end_phase(Barrier &barrier) {
  long bytes = 0;
  for (Copy *copy = barrier.copies; copy; copy = copy->next) bytes += copy->bytes;
  if (barrier.pending != 0 || barrier.transactions != bytes) return false;
  while (Copy *copy = barrier.copies) {
    barrier.copies = copy->next;
    copy->make(*copy);
    free(copy);
  }
  barrier.transactions = 0;
  barrier.pending = barrier.expected;
  barrier.phase = barrier.phase + 1;
  barrier.changes = barrier.changes + 1;
  return true;
}

static inline void append(Copy **list, Copy *copy) {
  while (*list) list = &(*list)->next;
  *list = copy;
}

static inline void changed(Barrier &barrier) {
  barrier.changes = barrier.changes + 1;
  // With copies on their way the phase ends when a thread waits for it.
  if (!barrier.copies) end_phase(barrier);
}

// Begins a copy that the barrier waits for.
static inline void begin_copy(Barrier &barrier, Copy *copy) {
  if (thread_->driver->late_copies) {
    append(&barrier.copies, copy);
  } else {
    copy->make(*copy);
    barrier.transactions -= copy->bytes;
    free(copy);
  }
  changed(barrier);
}

static inline unsigned long arrive(Barrier &barrier, long count) {
  if (barrier.pending == 0) end_phase(barrier);
  unsigned long phase = barrier.phase;
  barrier.pending -= count;
  if (barrier.pending < 0) fault("more arrivals at a barrier than it expects");
  changed(barrier);
  return phase;
}

template <class Passed> static inline void wait(Barrier &barrier, Passed passed) {
  while (!passed()) {
    unsigned long seen = barrier.changes;
    if (!end_phase(barrier)) thread_->driver->wait_change(thread_, &barrier.changes, seen);
  }
}

static inline void plain_copy(const Copy &copy) {
  memset(copy.to, 0, copy.size);
  if (copy.length) memcpy(copy.to, copy.from, copy.length);
}

static inline Copy *new_copy(void *to, const void *from, unsigned size, unsigned length, long bytes) {
  Copy *copy = (Copy *)malloc(sizeof(Copy));
  *copy = {nullptr, plain_copy, (char *)to, (const char *)from, bytes, size, length, {}, {}};
  return copy;
}

}  // namespace standin

namespace cuda {
enum thread_scope { thread_scope_system, thread_scope_device, thread_scope_block, thread_scope_thread };

template <thread_scope S> struct barrier {
  typedef unsigned long arrival_token;
  uint64_t word;  // as large as the real one

  standin::Barrier &state() const { return standin::barrier_at(__cvta_generic_to_shared(this)); }
  arrival_token arrive(long count = 1) { return standin::arrive(state(), count); }
  void wait(arrival_token &&phase) const {
    standin::Barrier &b = state();
    standin::wait(b, [&] { return b.phase != phase; });
  }
  void wait_parity(bool parity) const {
    standin::Barrier &b = state();
    standin::wait(b, [&] { return (b.phase & 1) != (unsigned long)parity; });
  }
  void arrive_and_wait() { wait(arrive()); }
};

template <thread_scope S> static inline void init(barrier<S> *b, long count) { standin::init_barrier(__cvta_generic_to_shared(b), count); }

template <thread_scope S> static inline void memcpy_async(void *to, const void *from, size_t bytes, barrier<S> &b) {
  standin::begin_copy(b.state(), standin::new_copy(to, from, bytes, bytes, 0));
}
// By a group: each of its threads asks for the whole.
template <class Group, thread_scope S> static inline void memcpy_async(const Group &, void *to, const void *from, size_t bytes, barrier<S> &b) {
  memcpy_async(to, from, bytes, b);
}

namespace device {
template <thread_scope S> static inline uint64_t *barrier_native_handle(barrier<S> &b) { return &b.word; }
template <thread_scope S> static inline void barrier_expect_tx(barrier<S> &b, long bytes) {
  b.state().transactions += bytes;
  standin::changed(b.state());
}
template <thread_scope S> static inline unsigned long barrier_arrive_tx(barrier<S> &b, long count, long bytes) {
  b.state().transactions += bytes;
  return b.arrive(count);
}
template <class T, thread_scope S> static inline void memcpy_async_tx(T *to, const T *from, size_t bytes, barrier<S> &b) {
  bool aligned = (uintptr_t)from % 16 == 0 && __cvta_generic_to_shared(to) % 16 == 0 && bytes % 16 == 0;
  if (!aligned) standin::fault("a bulk copy that is not aligned to 16 bytes");
  standin::begin_copy(b.state(), standin::new_copy(to, from, bytes, bytes, bytes));
}
namespace experimental {
static inline void fence_proxy_async_shared_cta() {}
}  // namespace experimental
}  // namespace device
}  // namespace cuda
using cuda::init;

namespace cooperative_groups {
struct thread_block {};
static inline thread_block this_thread_block() { return {}; }
// Clusters have one block.
struct cluster_group {
  unsigned block_rank() const { return 0; }
  standin::Dim block_index() const { return {0, 0, 0}; }
};
static inline cluster_group this_cluster() { return {}; }
}  // namespace cooperative_groups
