// Are errors of kernels seen? Small kernels with one error each, which must fail, and without it, which must pass.
#include <cuda.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <string>
#include <vector>

typedef struct Program *nvrtcProgram;
extern "C" {
int nvrtcCreateProgram(nvrtcProgram *, const char *, const char *, int, const char *const *, const char *const *);
int nvrtcCompileProgram(nvrtcProgram, int, const char *const *);
int nvrtcGetPTXSize(nvrtcProgram, size_t *);
int nvrtcGetPTX(nvrtcProgram, char *);
}

static const int THREADS = 64;

// Runs a kernel `void test(float const *in, float *out)` on numbers 0, 1, 2 ... and returns what it wrote.
static std::vector<float> run(const std::string &body) {
  std::string source = R"(typedef unsigned int uint32_t;
#include <cuda/barrier>
typedef cuda::barrier<cuda::thread_scope_block> barrier;
extern "C" __global__ void __launch_bounds__(64) test(float const *in, float *out) {
extern __shared__ __align__(1024) char shared[];
float *values = reinterpret_cast<float *>(shared);
barrier *ready = reinterpret_cast<barrier *>(shared + 512);
uint32_t const me = threadIdx.x;
uint32_t const at = __cvta_generic_to_shared(values);
)" + body + "\n}\n";
  nvrtcProgram program;
  nvrtcCreateProgram(&program, source.c_str(), nullptr, 0, nullptr, nullptr);
  std::string include = std::string("--include-path=") + getenv("CUDA_PATH") + "/include", cccl = include + "/cccl";
  const char *options[] = {"--gpu-architecture=sm_86", include.c_str(), cccl.c_str()};
  if (nvrtcCompileProgram(program, 3, options)) _exit(3);
  size_t size;
  nvrtcGetPTXSize(program, &size);
  std::string image(size, 0);
  nvrtcGetPTX(program, &image[0]);
  CUmodule module;
  CUfunction function;
  if (cuModuleLoadData(&module, image.c_str()) || cuModuleGetFunction(&function, module, "test")) _exit(4);
  CUdeviceptr in, out;
  std::vector<float> numbers(THREADS);
  for (int i = 0; i < THREADS; i++) numbers[i] = i;
  cuMemAlloc(&in, THREADS * sizeof(float));
  cuMemAlloc(&out, THREADS * sizeof(float));
  cuMemcpyHtoD(in, numbers.data(), THREADS * sizeof(float));
  void *arguments[] = {&in, &out};
  if (cuLaunchKernel(function, 1, 1, 1, THREADS, 1, 1, 1024, nullptr, arguments, nullptr)) _exit(5);
  cuMemcpyDtoH(numbers.data(), out, THREADS * sizeof(float));
  return numbers;
}

enum Outcome { GOOD, SEEN, BROKEN };

// Does the kernel reverse the numbers, in a process of its own and with any order of threads? BROKEN: it could not be tried.
static Outcome reverses(const std::string &body) {
  for (int order = 0; order < 4; order++) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
      setenv("STANDIN_ORDER", std::to_string(order).c_str(), 1);
      if (!freopen("/dev/null", "w", stderr)) _exit(6);
      std::vector<float> got = run(body);
      for (int i = 0; i < THREADS; i++) {
        if (got[i] != THREADS - 1 - i) _exit(1);
      }
      _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    if (status == 0) continue;
    // A wrong value, or a fault that the stand-in has reported.
    return (WIFEXITED(status) && WEXITSTATUS(status) == 1) || (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) ? SEEN : BROKEN;
  }
  return GOOD;
}

int main() {
  const std::string barrier = "__syncthreads();", begin = "if (me == 0) { init(ready, 64); } __syncthreads();",
                    write = "values[me] = in[me];", read = "out[me] = values[63 - me];",
                    copy = "uint32_t const to = at + 4 * me; float const *from = in + me;\n"
                           "asm volatile(\"cp.async.ca.shared::cta.global [%0], [%1], 4, 4;\" : : \"r\"(to), \"l\"(from) : \"memory\");\n",
                    commit = "uint32_t const handle = __cvta_generic_to_shared(cuda::device::barrier_native_handle(*ready));\n"
                             "asm volatile(\"cp.async.mbarrier.arrive.shared::cta.b64 [%0];\" : : \"r\"(handle) : \"memory\");\n",
                    misaligned = "asm volatile(\"cp.async.cg.shared::cta.global [%0], [%1], 16, 16;\" : : \"r\"(at), \"l\"(in + 1) : \"memory\");\n",
                    wait = "ready->arrive_and_wait();",
                    shuffle = "values[me] = __shfl_xor_sync(0xffffffff, in[me], 31);" + barrier + "out[me] = values[(32 + me) % 64];";
  const struct {
    const char *what;
    std::string body;
    bool good;
  } cases[] = {
      {"a barrier between writes and reads", write + barrier + read, true},
      {"no barrier between writes and reads", write + read, false},
      {"shuffles", shuffle, true},
      {"a shuffle that some lanes are not in", "if (me % 2) { " + shuffle + " } else { __syncwarp(); }", false},
      {"a copy that is waited for", begin + copy + commit + wait + read, true},
      {"a copy that is not waited for", begin + copy + commit + "ready->arrive();" + barrier + read, false},
      {"a copy that is not handed to the barrier", begin + copy + wait + read, false},
      {"a barrier that is not initialised", copy + commit + wait + read, false},
      {"a barrier that waits for too many", "if (me == 0) { init(ready, 65); } __syncthreads();" + copy + commit + wait + read, false},
      {"a copy that is not aligned", begin + misaligned + copy + commit + wait + read, false},
      {"a read behind device memory", write + barrier + read + "if (in[64] == 1.0f) { out[me] = 0; }", false},
      {"a write behind device memory", write + barrier + read + "out[64] = 1.0f;", false},
      {"a write behind shared memory", write + barrier + read + "values[256] = 1.0f;", false},
      {"shared memory that was not written", "if (me > 0) { " + write + " }" + barrier + read, false},
      {"PTX that is not known", write + barrier + read + "asm volatile(\"membar.gl;\" : : : \"memory\");", false},
  };
  int wrong = 0;
  for (const auto &test : cases) {
    Outcome outcome = reverses(test.body);
    wrong += outcome != (test.good ? GOOD : SEEN);
    const char *text[] = {"passes", "is seen", "could not be tried"};
    printf("%-45s %-20s %s\n", test.what, text[outcome], outcome != (test.good ? GOOD : SEEN) ? "WRONG" : "");
  }
  return wrong != 0;
}
