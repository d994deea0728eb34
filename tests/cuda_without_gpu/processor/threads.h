// Threads and their indices, barriers of a block and of a warp, values that lanes exchange, and shared memory.
#pragma once
#include "../block.h"

extern "C" {
// The thread that runs. The driver's stand-in sets it whenever it switches.
__attribute__((visibility("default"))) standin::Thread *standin_thread;
}
#define thread_ standin_thread

#define __global__ __attribute__((noinline))
#define __device__
#define __host__
#define __launch_bounds__(...)
#define __cluster_dims__(...)
#define __grid_constant__
#define __align__(n) alignas(n)
#define __forceinline__ inline
typedef unsigned int uint;
typedef unsigned short ushort;
#define threadIdx (thread_->index)
#define blockIdx (thread_->block_index)
#define blockDim (thread_->block_dim)
#define gridDim (thread_->grid_dim)
#define warpSize 32u

static inline void __syncthreads() { thread_->driver->sync_block(thread_); }
static inline void __syncwarp(unsigned = ~0u) { thread_->driver->sync_warp(thread_, "__syncwarp"); }
static inline void __threadfence() {}
static inline void __threadfence_block() {}

static inline unsigned __activemask() {
  int live = thread_->warp->live;
  return live >= 32 ? ~0u : (1u << live) - 1;
}

namespace standin {

static inline void fault(const char *why) { thread_->driver->fault(thread_, why); }

// The values that lanes of the warp handed over, until the collective after the next.
template <class T> struct Exchanged {
  unsigned room;
  const T &of(int lane) const { return *(const T *)thread_->warp->slot[room][lane]; }
};

template <class T> static inline Exchanged<T> exchange(const char *collective, const T &value) {
  static_assert(sizeof(T) <= SLOT, "a lane's slot is too small");
  unsigned room = thread_->turn++ & 1;
  memcpy(thread_->warp->slot[room][thread_->lane], &value, sizeof value);
  thread_->driver->sync_warp(thread_, collective);
  return {room};
}

// Number of the warp's last lane: a block may end within a warp.
static inline int last_lane() {
  int rest = blockDim.x * blockDim.y * blockDim.z - (thread_->number & ~31);
  return rest >= 32 ? 31 : rest - 1;
}

template <class T> static inline T shuffle(const T &value, int source, bool inside) {
  auto all = exchange("a shuffle", value);
  return inside && source >= 0 && source <= last_lane() ? all.of(source) : value;
}

// Addresses in shared memory count from its start.
static inline char *in_shared(size_t address) { return thread_->shared + (uint32_t)address; }

}  // namespace standin

template <class T> static inline size_t __cvta_generic_to_shared(T *pointer) { return (size_t)((char *)pointer - thread_->shared); }

template <class T> static inline T __shfl_sync(unsigned, T value, int lane) { return standin::shuffle(value, lane & 31, true); }
template <class T> static inline T __shfl_xor_sync(unsigned, T value, int mask) {
  return standin::shuffle(value, (thread_->lane ^ mask) & 31, true);
}
template <class T> static inline T __shfl_up_sync(unsigned, T value, unsigned delta) {
  int lane = thread_->lane - (int)delta;
  return standin::shuffle(value, lane, lane >= 0);
}
template <class T> static inline T __shfl_down_sync(unsigned, T value, unsigned delta) {
  int lane = thread_->lane + (int)delta;
  return standin::shuffle(value, lane, lane < 32);
}

static inline unsigned __ballot_sync(unsigned, int predicate) {
  auto all = standin::exchange("a vote", predicate != 0);
  unsigned votes = 0;
  for (int lane = 0; lane <= standin::last_lane(); lane++) votes |= (unsigned)all.of(lane) << lane;
  return votes;
}
static inline int __all_sync(unsigned mask, int predicate) {
  int lanes = standin::last_lane() + 1;
  return __ballot_sync(mask, predicate) == (lanes == 32 ? ~0u : (1u << lanes) - 1);
}
static inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
