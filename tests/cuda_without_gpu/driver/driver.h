// Names that the parts of the driver's stand-in share.
#pragma once
#include <cuda.h>
#include <mutex>
#include <string>
#include "../block.h"
#include "settings.h"

#define API extern "C" __attribute__((visibility("default"))) CUresult
// The header renames these to later versions; the program asks for both names.
#undef cuEventElapsedTime
#undef cuDeviceGetUuid
#undef cuStreamGetCaptureInfo

namespace standin {

// One lock for all: kernels run one after another.
extern std::recursive_mutex everything;
typedef std::lock_guard<std::recursive_mutex> Locked;

// The device that is claimed.
struct Card {
  int capability;
  const char *name;
  int gibibytes, shared_bytes, multiprocessors;
};
const Card &card();

// A kernel; `entry` is there once it is compiled for the processor.
struct Function {
  std::string name, source, parameters;
  unsigned families;
  int shared_limit;
  void (*entry)(void **);
  Thread **current;
  bool fibers;
};

// log.cpp
__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);

// memory.cpp
std::string where_is(const void *address);
size_t device_bytes();
long host_reads();

size_t bytes_from(const void *address);

// traffic.cpp
struct Traffic {
  size_t read, written;
};
std::string parameters_of(const std::string &source, const std::string &name);
Traffic traffic_of(const Function &, void **arguments);

// measured.cpp
bool is_measurement();

// events.cpp
void pass_time(const Function &, bool preferred);

// compile.cpp
bool compile_for_processor(Function &);

// fibers.cpp
bool run_grid(const Function &, Dim grid, Dim block, size_t shared_bytes, void **arguments);

}  // namespace standin
