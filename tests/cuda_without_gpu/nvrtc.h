// The stand-in for NVRTC, as the driver's stand-in sees it.
#pragma once
#include <string>

namespace standin {

// With STANDIN_NVRTC=run NVIDIA's compiler sees a kernel only when it is run. False if it refuses the kernel.
bool compile_put_off(const std::string &source);

}  // namespace standin
