// Threads, warps and blocks: shared by the driver's stand-in and the kernels that are compiled for the processor.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace standin {

constexpr int LANES = 32;
constexpr int MAX_THREADS = 1024;
constexpr size_t SLOT = 256;

struct Dim {
  unsigned x, y, z;
};

// A copy that was begun and may not have been made yet. The kernel's own code makes it; it lies in memory of malloc.
struct Copy {
  Copy *next;
  void (*make)(const Copy &);
  char *to;
  const char *from;
  long bytes;  // counted by the barrier as a transaction; 0 for cp.async
  unsigned size, length;
  int at[5];
  unsigned short offsets[3];
};

// An mbarrier in shared memory. The kernel sees its eight bytes alone, so its state is kept here.
struct Barrier {
  Barrier *next;
  uint32_t at;  // address in shared memory
  int expected, pending;
  long transactions;
  volatile unsigned long phase, changes;
  Copy *copies;
};

// Lanes exchange values in two rooms by turns, so that a fast lane overwrites nothing that a slow one still reads.
struct Warp {
  unsigned long generation;
  int arrived, live;
  const char *meeting;  // which collective the lanes have gathered for
  alignas(64) unsigned char slot[2][LANES][SLOT];
};

struct Block {
  unsigned long generation;
  int arrived, live;
  Barrier *barriers;
};

struct Thread;

// Calls from a kernel into the driver's stand-in.
struct Services {
  void (*sync_block)(Thread *);
  // Waits for the lanes of the warp. All must have come for the same collective.
  void (*sync_warp)(Thread *, const char *meeting);
  // Lets other threads run until `*where` is no longer `old`.
  void (*wait_change)(Thread *, volatile unsigned long *where, unsigned long old);
  // Reports an error of the kernel and ends the program.
  void (*fault)(Thread *, const char *why);
  bool late_copies, exact_tf32;
};

struct Thread {
  Dim index, block_index, block_dim, grid_dim;
  int lane, number;
  unsigned turn;  // collectives that this lane has been in
  Warp *warp;
  Block *block;
  char *shared;
  Copy *copies;  // begun by cp.async, not yet handed to a barrier
  const Services *driver;
};

}  // namespace standin
