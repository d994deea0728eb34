// A tensor map's 128 opaque bytes as the stand-ins fill them.
#pragma once
#include <stdint.h>

namespace standin {

struct TensorMap {
  uint64_t base, stride[4];  // strides in bytes, of all dimensions but the innermost
  uint32_t dim[5];
  uint16_t box[5];
  uint8_t rank, element, swizzle, im2col, nan_outside, step[5];
  int16_t lower[3], upper[3];  // im2col: corners of the box that is walked over
  uint16_t channels, pixels;   // im2col: what one copy takes
};
static_assert(sizeof(TensorMap) <= 128, "a tensor map has 128 bytes");

}  // namespace standin
