// Memory of the device and pinned memory: pages of the host, with a page without access before and behind each allocation.
// An allocation ends at such a page, so that every access behind it is seen.
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <map>
#include "driver.h"

namespace standin {

namespace {
constexpr size_t PAGE = 4096;
// As the driver aligns. Accesses to the rest of the last 256 bytes are not seen.
constexpr size_t ALIGNMENT = 256;
// Larger allocations are pools, and to fill them would take their memory.
constexpr size_t POISONED = 64 << 20;

struct Allocation {
  size_t bytes, mapped;
  char *pages;
  bool on_host;
};
std::map<uintptr_t, Allocation> allocations;
size_t in_use;
long reads;  // by the host

// The allocation that begins at or before the address.
const std::pair<const uintptr_t, Allocation> *before(const void *address) {
  auto next = allocations.upper_bound((uintptr_t)address);
  return next == allocations.begin() ? nullptr : &*std::prev(next);
}

CUresult allocate(size_t bytes, void **to, bool on_host) {
  Locked guard(everything);
  if (!bytes) return CUDA_ERROR_INVALID_VALUE;
  if (!on_host && in_use + bytes > (size_t)card().gibibytes << 30) return CUDA_ERROR_OUT_OF_MEMORY;
  size_t padded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT, mapped = (padded + PAGE - 1) / PAGE * PAGE + 2 * PAGE;
  char *pages = (char *)mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  mprotect(pages, PAGE, PROT_NONE);
  mprotect(pages + mapped - PAGE, PAGE, PROT_NONE);
  char *start = pages + mapped - PAGE - padded;
  // The real driver does not clear memory either. As floats these bytes are not numbers, so a value of them is noticed.
  static const bool poison = number_setting("STANDIN_POISON", 1);
  if (!on_host && poison && bytes <= POISONED) memset(start, 0xff, padded);
  allocations[(uintptr_t)start] = {bytes, mapped, pages, on_host};
  if (!on_host) in_use += bytes;
  *to = start;
  return CUDA_SUCCESS;
}

CUresult release(void *start) {
  Locked guard(everything);
  auto found = allocations.find((uintptr_t)start);
  if (found == allocations.end()) return CUDA_ERROR_INVALID_VALUE;
  if (!found->second.on_host) in_use -= found->second.bytes;
  munmap(found->second.pages, found->second.mapped);
  allocations.erase(found);
  return CUDA_SUCCESS;
}

const char *kind(const void *host) {
  Locked guard(everything);
  auto found = before(host);
  return found && found->second.on_host && (uintptr_t)host < found->first + found->second.bytes ? "pinned" : "pageable";
}

// True if all bytes lie in one allocation of the device.
bool on_device(CUdeviceptr start, size_t bytes) {
  Locked guard(everything);
  auto found = before((void *)start);
  return found && !found->second.on_host && start + bytes <= found->first + found->second.bytes;
}
}  // namespace

size_t device_bytes() {
  Locked guard(everything);
  return in_use;
}

long host_reads() {
  Locked guard(everything);
  return reads;
}

// Bytes of its allocation from the address on.
size_t bytes_from(const void *address) {
  Locked guard(everything);
  auto found = before(address);
  size_t end = found ? found->first + found->second.bytes : 0;
  return (uintptr_t)address < end ? end - (uintptr_t)address : 0;
}

std::string where_is(const void *address) {
  Locked guard(everything);
  auto found = before(address);
  if (!found) return "before all allocations";
  char text[160];
  size_t offset = (uintptr_t)address - found->first;
  snprintf(text, sizeof text, "%zu bytes behind the start of an allocation of %zu bytes", offset, found->second.bytes);
  return text;
}

}  // namespace standin
using namespace standin;

API cuMemAlloc(CUdeviceptr *to, size_t bytes) {
  CUresult result = allocate(bytes, (void **)to, false);
  log_line("allocate %zu: %d, in use %zu", bytes, result, device_bytes());
  return result;
}
API cuMemAllocAsync(CUdeviceptr *to, size_t bytes, CUstream) { return cuMemAlloc(to, bytes); }
API cuMemFree(CUdeviceptr start) {
  log_line("free");
  return release((void *)start);
}
API cuMemFreeAsync(CUdeviceptr start, CUstream) { return cuMemFree(start); }
API cuMemAllocHost(void **to, size_t bytes) {
  log_line("allocate pinned %zu", bytes);
  return allocate(bytes, to, true);
}
API cuMemHostAlloc(void **to, size_t bytes, unsigned) { return cuMemAllocHost(to, bytes); }
API cuMemFreeHost(void *start) { return release(start); }

API cuMemGetInfo(size_t *free, size_t *total) {
  *total = (size_t)card().gibibytes << 30;
  // The driver keeps some for itself.
  *free = *total - device_bytes() - (500u << 20);
  return CUDA_SUCCESS;
}

API cuMemcpyHtoDAsync(CUdeviceptr to, const void *from, size_t bytes, CUstream) {
  log_line("upload %zu %s", bytes, kind(from));
  if (!on_device(to, bytes)) return CUDA_ERROR_INVALID_VALUE;
  memcpy((void *)to, from, bytes);
  return CUDA_SUCCESS;
}
API cuMemcpyHtoD(CUdeviceptr to, const void *from, size_t bytes) { return cuMemcpyHtoDAsync(to, from, bytes, nullptr); }

API cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t bytes, CUstream) {
  log_line("download %zu %s", bytes, kind(to));
  if (!on_device(from, bytes)) return CUDA_ERROR_INVALID_VALUE;
  reads++;
  memcpy(to, (void *)from, bytes);
  return CUDA_SUCCESS;
}
API cuMemcpyDtoH(void *to, CUdeviceptr from, size_t bytes) { return cuMemcpyDtoHAsync(to, from, bytes, nullptr); }

API cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream) {
  log_line("copy %zu", bytes);
  if (!on_device(to, bytes) || !on_device(from, bytes)) return CUDA_ERROR_INVALID_VALUE;
  memmove((void *)to, (void *)from, bytes);
  return CUDA_SUCCESS;
}
API cuMemcpyDtoD(CUdeviceptr to, CUdeviceptr from, size_t bytes) { return cuMemcpyDtoDAsync(to, from, bytes, nullptr); }

API cuMemcpy2DAsync(const CUDA_MEMCPY2D *copy, CUstream) {
  bool up = copy->srcMemoryType == CU_MEMORYTYPE_HOST;
  char *from = up ? (char *)copy->srcHost : (char *)copy->srcDevice;
  char *to = copy->dstMemoryType == CU_MEMORYTYPE_HOST ? (char *)copy->dstHost : (char *)copy->dstDevice;
  log_line("%s %zu %s in %zu rows", up ? "upload" : "download", copy->WidthInBytes * copy->Height, kind(up ? from : to), copy->Height);
  for (size_t y = 0; y < copy->Height; y++) {
    memcpy(to + (copy->dstY + y) * copy->dstPitch + copy->dstXInBytes,
           from + (copy->srcY + y) * copy->srcPitch + copy->srcXInBytes, copy->WidthInBytes);
  }
  return CUDA_SUCCESS;
}

API cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, CUstream) {
  log_line("fill %zu", bytes);
  if (!on_device(to, bytes)) return CUDA_ERROR_INVALID_VALUE;
  memset((void *)to, value, bytes);
  return CUDA_SUCCESS;
}
API cuMemsetD8(CUdeviceptr to, unsigned char value, size_t bytes) { return cuMemsetD8Async(to, value, bytes, nullptr); }
