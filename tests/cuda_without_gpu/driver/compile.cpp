// Compiles a kernel's source for the processor when it is first run, and loads it.
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>
#include "../nvrtc.h"
#include "driver.h"

namespace standin {

bool compile_for_processor(Function &kernel) {
  // Named by the stand-in's own version too, so that a library of an older one is never loaded.
  std::string library = kernel.source + "." + text_setting("STANDIN_VERSION", "0") + ".so";
  if (access(library.c_str(), R_OK)) {
    std::string command = text_setting("STANDIN_TRANSLATE", "translate.py") + " '" + kernel.source + ".cu' '" + library + "'";
    if (system(command.c_str())) {
      fprintf(stderr, "\nstand-in: FAULT: %s.cu cannot be compiled for the processor\n", kernel.source.c_str());
      log_line("fault %s: not compiled for the processor", kernel.name.c_str());
      abort();
    }
  }
  // By NVIDIA's compiler too, if that was put off until the kernel runs.
  if (!compile_put_off(kernel.source)) return false;
  void *loaded = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!loaded) {
    fprintf(stderr, "\nstand-in: FAULT: %s\n", dlerror());
    abort();
  }
  kernel.entry = (void (*)(void **))dlsym(loaded, ("standin_entry_" + kernel.name).c_str());
  kernel.current = (Thread **)dlsym(loaded, "standin_thread");
  int *fibers = (int *)dlsym(loaded, "standin_fibers");
  if (!kernel.entry || !kernel.current || !fibers) {
    fprintf(stderr, "\nstand-in: FAULT: %s has no kernel %s\n", library.c_str(), kernel.name.c_str());
    abort();
  }
  kernel.fibers = *fibers;
  return true;
}

}  // namespace standin
