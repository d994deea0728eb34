#include "faults.h"
#include <signal.h>
#include <stdio.h>

namespace standin {

namespace {
struct sigaction earlier;

void report(const Thread *thread, const char *why) {
  const Function *kernel = running_kernel();
  fprintf(stderr, "\nstand-in: FAULT in %s, block %u,%u,%u thread %d: %s (%s)\n", kernel ? kernel->name.c_str() : "?",
          thread ? thread->block_index.x : 0, thread ? thread->block_index.y : 0, thread ? thread->block_index.z : 0,
          thread ? thread->number : 0, why, kernel ? kernel->source.c_str() : "?");
  log_line("fault %s: %s", kernel ? kernel->name.c_str() : "?", why);
}

void memory_fault(int signal, siginfo_t *info, void *context) {
  if (running_kernel()) {
    char why[300];
    snprintf(why, sizeof why, "access to memory that is not there, %s", where_is(info->si_addr).c_str());
    report(running_thread(), why);
    ::signal(SIGABRT, SIG_DFL);
    abort();
  }
  // Not ours: as it was before.
  if (earlier.sa_flags & SA_SIGINFO) return earlier.sa_sigaction(signal, info, context);
  ::signal(signal, SIG_DFL);
}
}  // namespace

void fault(Thread *thread, const char *why) {
  report(thread, why);
  abort();
}

void watch_memory_faults() {
  static const bool once = [] {
    struct sigaction action = {};
    action.sa_sigaction = memory_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigaction(SIGBUS, &action, nullptr);
    return sigaction(SIGSEGV, &action, &earlier) == 0;
  }();
  (void)once;
}

}  // namespace standin
