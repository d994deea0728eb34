// cp.async: copies into shared memory that a thread begins, and later hands to a barrier.
#pragma once
#include "barriers.h"

namespace standin {

static inline void cp_async(size_t to, uint64_t from, unsigned size, unsigned length) {
  // With nothing to read, a GPU's copy is predicated off: ptxas asks that the length is not 0.
  if (length && (to % size || from % size)) fault("cp.async that is not aligned to its size");
  if (length > size) fault("cp.async of more bytes than its size");
  Copy *copy = new_copy(in_shared(to), (const void *)from, size, length, 0);
  if (thread_->driver->late_copies) {
    append(&thread_->copies, copy);
  } else {
    copy->make(*copy);
    free(copy);
  }
}

// cp.async.mbarrier.arrive without .noinc: the barrier waits for the thread's copies, and counts no arrival.
static inline void cp_async_to_barrier(size_t barrier) {
  Barrier &state = barrier_at(barrier);
  append(&state.copies, thread_->copies);
  thread_->copies = nullptr;
}

}  // namespace standin
