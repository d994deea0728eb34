// Modules, their functions, and launches.
#include <string.h>
#include "driver.h"
#include "families.h"

using namespace standin;

// The stand-in for NVRTC hands over a line with the path of the kernel's source in place of PTX.
static const char MARK[] = "STANDIN:";

API cuModuleLoadData(CUmodule *module, const void *image) {
  const char *text = (const char *)image;
  if (strncmp(text, MARK, strlen(MARK))) return CUDA_ERROR_INVALID_PTX;
  *module = (CUmodule) new std::string(text + strlen(MARK));
  return CUDA_SUCCESS;
}
API cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned, CUjit_option *, void **) { return cuModuleLoadData(module, image); }
API cuModuleUnload(CUmodule) { return CUDA_SUCCESS; }

API cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
  const std::string &source = *(std::string *)module;
  // Static shared memory is 48 KiB at most; more is asked for by the attribute.
  *function = (CUfunction) new Function{name, source, parameters_of(source + ".cu", name), families_of(source + ".cu"), 49152, nullptr, nullptr, true};
  return CUDA_SUCCESS;
}

API cuFuncSetAttribute(CUfunction function, CUfunction_attribute attribute, int value) {
  Function &kernel = *(Function *)function;
  if (attribute == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) {
    if (value > card().shared_bytes) {
      log_line("refuse %s: %d bytes of shared memory", kernel.name.c_str(), value);
      return CUDA_ERROR_INVALID_VALUE;
    }
    kernel.shared_limit = value;
  }
  return CUDA_SUCCESS;
}
API cuFuncGetAttribute(int *value, CUfunction_attribute, CUfunction) {
  *value = 0;
  return CUDA_SUCCESS;
}

// all: tuning's candidates run as well;  chosen: only what is not measured;  trial: only what shows that the device works.
static bool is_run(bool measured) {
  static const std::string mode = text_setting("STANDIN_RUN", "chosen");
  // medseg's trial of a device reads back twice.
  if (mode == "trial") return !measured && host_reads() < 2;
  return mode == "all" || !measured;
}

API cuLaunchKernel(CUfunction function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared_bytes, CUstream stream, void **arguments, void **) {
  Locked guard(everything);
  Function &kernel = *(Function *)function;
  static const unsigned preferred = families_named(text_setting("STANDIN_PREFER", ""));
  bool fits = gx && gy && gz && bx && by && bz && gx <= 2147483647u && gy <= 65535 && gz <= 65535 && bx <= 1024 && by <= 1024 &&
              bz <= 64 && (size_t)bx * by * bz <= MAX_THREADS && (int)shared_bytes <= kernel.shared_limit;
  bool measured = is_measurement();
  Traffic bytes = traffic_of(kernel, arguments);
  log_line("%s %s grid %u,%u,%u block %u,%u,%u shared %u stream %lx families %s source %s reads %zu writes %zu",
           !fits ? "refuse" : measured ? "measure" : "launch", kernel.name.c_str(), gx, gy, gz, bx, by, bz, shared_bytes,
           (unsigned long)stream, families_text(kernel.families).c_str(), kernel.source.c_str(), bytes.read, bytes.written);
  if (!fits) return CUDA_ERROR_INVALID_VALUE;
  pass_time(kernel, preferred && (kernel.families & preferred) == preferred);
  if (!is_run(measured)) return CUDA_SUCCESS;
  if (!kernel.entry && !compile_for_processor(kernel)) return CUDA_ERROR_LAUNCH_FAILED;
  return run_grid(kernel, {gx, gy, gz}, {bx, by, bz}, shared_bytes, arguments) ? CUDA_SUCCESS : CUDA_ERROR_LAUNCH_FAILED;
}

API cuLaunchKernelEx(const CUlaunchConfig *c, CUfunction function, void **arguments, void **extra) {
  return cuLaunchKernel(function, c->gridDimX, c->gridDimY, c->gridDimZ, c->blockDimX, c->blockDimY, c->blockDimZ, c->sharedMemBytes,
                        c->hStream, arguments, extra);
}
