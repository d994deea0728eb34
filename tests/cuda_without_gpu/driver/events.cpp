// Streams and events. All work is done when it is queued, so nothing waits; time is invented.
#include <atomic>
#include "driver.h"

namespace standin {

namespace {
struct Event {
  double time;
  long preferred;
};
// Milliseconds that the device has worked, and launches of the families that tuning is to prefer.
double time_passed;
long preferred_launches;

// A number in 0..1 that a kernel keeps for a seed.
double chance(const std::string &name) {
  static const unsigned long seed = number_setting("STANDIN_SEED", 0);
  unsigned long state = 1469598103934665603ul ^ (seed * 0x9E3779B97F4A7C15ul);
  for (unsigned char letter : name) state = (state ^ letter) * 1099511628211ul;
  state ^= state >> 32;
  return (state * 0x9E3779B97F4A7C15ul >> 40) / double(1 << 24);
}
}  // namespace

// By the name, not by the clock: which candidate wins is then the same in every run with the same seed.
void pass_time(const Function &kernel, bool preferred) {
  Locked guard(everything);
  time_passed += 1 + chance(kernel.name);
  preferred_launches += preferred;
}

}  // namespace standin
using namespace standin;

API cuStreamCreate(CUstream *stream, unsigned) {
  static std::atomic<uintptr_t> next{0x2000};
  *stream = (CUstream)next++;
  return CUDA_SUCCESS;
}
API cuStreamCreateWithPriority(CUstream *stream, unsigned flags, int) { return cuStreamCreate(stream, flags); }
API cuStreamDestroy(CUstream) { return CUDA_SUCCESS; }
API cuStreamSynchronize(CUstream) {
  log_line("wait for a stream");
  return CUDA_SUCCESS;
}
API cuCtxSynchronize() {
  log_line("wait for the device");
  return CUDA_SUCCESS;
}
API cuStreamWaitEvent(CUstream, CUevent, unsigned) {
  log_line("order a stream behind an event");
  return CUDA_SUCCESS;
}

API cuEventCreate(CUevent *event, unsigned) {
  *event = (CUevent) new Event{0, 0};
  return CUDA_SUCCESS;
}
API cuEventDestroy(CUevent event) {
  delete (Event *)event;
  return CUDA_SUCCESS;
}
API cuEventRecord(CUevent event, CUstream) {
  Locked guard(everything);
  *(Event *)event = {time_passed, preferred_launches};
  log_line("record an event");
  return CUDA_SUCCESS;
}
API cuEventQuery(CUevent) { return CUDA_SUCCESS; }
API cuEventSynchronize(CUevent) {
  log_line("wait for an event");
  return CUDA_SUCCESS;
}
API cuEventElapsedTime(float *milliseconds, CUevent from, CUevent to) {
  const Event &start = *(Event *)from, &end = *(Event *)to;
  *milliseconds = end.time - start.time;
  // A candidate with a launch of a preferred family beats every other.
  if (end.preferred > start.preferred) *milliseconds *= 1e-6;
  return CUDA_SUCCESS;
}
API cuEventElapsedTime_v2(float *milliseconds, CUevent from, CUevent to) { return cuEventElapsedTime(milliseconds, from, to); }

// Graphs are not offered.
API cuStreamIsCapturing(CUstream, CUstreamCaptureStatus *status) {
  *status = CU_STREAM_CAPTURE_STATUS_NONE;
  return CUDA_SUCCESS;
}
API cuStreamBeginCapture(CUstream, CUstreamCaptureMode) { return CUDA_ERROR_NOT_SUPPORTED; }
API cuStreamEndCapture(CUstream, CUgraph *) { return CUDA_ERROR_NOT_SUPPORTED; }
API cuGraphDestroy(CUgraph) { return CUDA_SUCCESS; }
API cuGraphExecDestroy(CUgraphExec) { return CUDA_SUCCESS; }
