// The device: what it is, and contexts on it.
#include <stdio.h>
#include <string.h>
#include "driver.h"

namespace standin {

const Card &card() {
  static const Card cards[] = {
      {80, "NVIDIA A100 (stand-in)", 80, 166912, 108},
      {86, "NVIDIA GeForce RTX 3090 (stand-in)", 24, 101376, 82},
      {89, "NVIDIA GeForce RTX 4090 (stand-in)", 24, 101376, 128},
      {90, "NVIDIA H200 (stand-in)", 140, 232448, 132},
      {120, "NVIDIA GeForce RTX 5090 (stand-in)", 32, 101376, 170},
  };
  static const Card &found = []() -> const Card & {
    long asked = number_setting("STANDIN_ARCH", 90);
    for (const Card &card : cards) {
      if (card.capability == asked) return card;
    }
    fprintf(stderr, "stand-in: no card of compute capability %ld is known\n", asked);
    abort();
  }();
  return found;
}

}  // namespace standin
using namespace standin;

API cuInit(unsigned) { return CUDA_SUCCESS; }

API cuDriverGetVersion(int *version) {
  *version = 13000;
  return CUDA_SUCCESS;
}

API cuDeviceGetCount(int *count) {
  *count = 1;
  return CUDA_SUCCESS;
}

API cuDeviceGet(CUdevice *device, int number) {
  if (number != 0) return CUDA_ERROR_INVALID_DEVICE;
  *device = 0;
  return CUDA_SUCCESS;
}

API cuDeviceGetName(char *name, int length, CUdevice) {
  snprintf(name, length, "%s", card().name);
  return CUDA_SUCCESS;
}

API cuDeviceGetUuid(CUuuid *id, CUdevice) {
  memset(id, 7, sizeof *id);
  return CUDA_SUCCESS;
}

API cuDeviceGetUuid_v2(CUuuid *id, CUdevice device) { return cuDeviceGetUuid(id, device); }

API cuDeviceGetPCIBusId(char *id, int length, CUdevice device) {
  snprintf(id, length, "0000:%02x:00.0", device + 1);
  return CUDA_SUCCESS;
}

API cuDeviceTotalMem(size_t *bytes, CUdevice) {
  *bytes = (size_t)card().gibibytes << 30;
  return CUDA_SUCCESS;
}

API cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice) {
  switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = card().capability / 10; break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *value = card().capability % 10; break;
    case CU_DEVICE_ATTRIBUTE_WARP_SIZE: *value = LANES; break;
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X:
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y: *value = MAX_THREADS; break;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z: *value = 64; break;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X: *value = 2147483647; break;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y:
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z: *value = 65535; break;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK: *value = 49152; break;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: *value = card().shared_bytes; break;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *value = card().multiprocessors; break;
    case CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED: *value = 1; break;
    case CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH: *value = 1; break;
    default:
      *value = 0;
      log_line("attribute %d is not known", (int)attribute);
  }
  return CUDA_SUCCESS;
}

static thread_local CUcontext current_context;

API cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
  *context = (CUcontext)(uintptr_t)(0x1000 + device);
  return CUDA_SUCCESS;
}

API cuDevicePrimaryCtxRelease(CUdevice) { return CUDA_SUCCESS; }

API cuCtxSetCurrent(CUcontext context) {
  current_context = context;
  return CUDA_SUCCESS;
}

API cuCtxGetCurrent(CUcontext *context) {
  *context = current_context;
  return CUDA_SUCCESS;
}

API cuCtxSetFlags(unsigned) { return CUDA_SUCCESS; }

API cuCtxGetStreamPriorityRange(int *least, int *greatest) {
  *least = 0;
  *greatest = -5;
  return CUDA_SUCCESS;
}

API cuGetErrorName(CUresult error, const char **name) {
  switch (error) {
    case CUDA_SUCCESS: *name = "CUDA_SUCCESS"; break;
    case CUDA_ERROR_INVALID_VALUE: *name = "CUDA_ERROR_INVALID_VALUE"; break;
    case CUDA_ERROR_OUT_OF_MEMORY: *name = "CUDA_ERROR_OUT_OF_MEMORY"; break;
    case CUDA_ERROR_INVALID_DEVICE: *name = "CUDA_ERROR_INVALID_DEVICE"; break;
    case CUDA_ERROR_INVALID_PTX: *name = "CUDA_ERROR_INVALID_PTX"; break;
    case CUDA_ERROR_NOT_FOUND: *name = "CUDA_ERROR_NOT_FOUND"; break;
    case CUDA_ERROR_LAUNCH_FAILED: *name = "CUDA_ERROR_LAUNCH_FAILED"; break;
    case CUDA_ERROR_NOT_SUPPORTED: *name = "CUDA_ERROR_NOT_SUPPORTED"; break;
    default: *name = "an error of the stand-in";
  }
  return CUDA_SUCCESS;
}

API cuGetErrorString(CUresult error, const char **text) { return cuGetErrorName(error, text); }

// NVRTC asks for the driver's cache by this function, and crashes where it is missing.
API cuGetExportTable(const void **table, const CUuuid *) {
  *table = nullptr;
  return CUDA_ERROR_NOT_FOUND;
}
