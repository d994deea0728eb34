// Errors of a running kernel: each ends the program, after a line that says where.
#pragma once
#include "driver.h"

namespace standin {

[[noreturn]] void fault(Thread *thread, const char *why);
// From now on an access to memory that is not there is reported.
void watch_memory_faults();

// fibers.cpp
const Thread *running_thread();
const Function *running_kernel();

}  // namespace standin
