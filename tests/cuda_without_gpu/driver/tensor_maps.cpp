// Tensor maps, with the limits that the driver's documentation states.
#include "../tensor_map.h"
#include <string.h>
#include "driver.h"

using namespace standin;

static unsigned element_bytes(CUtensorMapDataType type) {
  switch (type) {
    case CU_TENSOR_MAP_DATA_TYPE_UINT8: return 1;
    case CU_TENSOR_MAP_DATA_TYPE_UINT16:
    case CU_TENSOR_MAP_DATA_TYPE_FLOAT16:
    case CU_TENSOR_MAP_DATA_TYPE_BFLOAT16: return 2;
    case CU_TENSOR_MAP_DATA_TYPE_INT32:
    case CU_TENSOR_MAP_DATA_TYPE_UINT32:
    case CU_TENSOR_MAP_DATA_TYPE_FLOAT32:
    case CU_TENSOR_MAP_DATA_TYPE_FLOAT32_FTZ:
    case CU_TENSOR_MAP_DATA_TYPE_TFLOAT32:
    case CU_TENSOR_MAP_DATA_TYPE_TFLOAT32_FTZ: return 4;
    case CU_TENSOR_MAP_DATA_TYPE_INT64:
    case CU_TENSOR_MAP_DATA_TYPE_UINT64:
    case CU_TENSOR_MAP_DATA_TYPE_FLOAT64: return 8;
    default: return 0;
  }
}

// The most bytes of the innermost dimension that a swizzle takes.
static unsigned swizzle_span(CUtensorMapSwizzle swizzle) {
  switch (swizzle) {
    case CU_TENSOR_MAP_SWIZZLE_NONE: return ~0u;
    case CU_TENSOR_MAP_SWIZZLE_32B: return 32;
    case CU_TENSOR_MAP_SWIZZLE_64B: return 64;
    case CU_TENSOR_MAP_SWIZZLE_128B: return 128;
    default: return 0;  // not known here
  }
}

struct Described {
  CUtensorMapDataType type;
  unsigned rank;
  void *base;
  const cuuint64_t *dims, *strides;
  const cuuint32_t *steps;
  CUtensorMapInterleave interleave;
  CUtensorMapSwizzle swizzle;
  CUtensorMapFloatOOBfill fill;
};

static bool fill_common(TensorMap &map, const Described &d) {
  memset(&map, 0, sizeof map);
  map.element = element_bytes(d.type);
  if (d.rank < 1 || d.rank > 5 || (uintptr_t)d.base % 16 || !map.element || d.interleave != CU_TENSOR_MAP_INTERLEAVE_NONE) return false;
  map.base = (uint64_t)d.base;
  map.rank = d.rank;
  map.swizzle = d.swizzle;
  map.nan_outside = d.fill != CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE;
  for (unsigned i = 0; i < d.rank; i++) {
    if (!d.dims[i] || d.dims[i] > 1ull << 32 || !d.steps[i] || d.steps[i] > 8) return false;
    map.dim[i] = d.dims[i];
    map.step[i] = d.steps[i];
  }
  for (unsigned i = 0; i + 1 < d.rank; i++) {
    if (d.strides[i] % 16 || d.strides[i] >= 1ull << 40) return false;
    map.stride[i] = d.strides[i];
  }
  return true;
}

static bool fits_swizzle(const TensorMap &map, unsigned innermost, CUtensorMapSwizzle swizzle) {
  unsigned bytes = innermost * map.element;
  return bytes % 16 == 0 && bytes <= swizzle_span(swizzle);
}

static CUresult hand_over(bool good, const TensorMap &map, CUtensorMap *to) {
  log_line("tensor map %s rank %u element %u: %s", map.im2col ? "im2col" : "tiled", map.rank, map.element, good ? "made" : "refused");
  if (!good) return CUDA_ERROR_INVALID_VALUE;
  memset(to, 0, sizeof *to);
  memcpy(to, &map, sizeof map);
  return CUDA_SUCCESS;
}

API cuTensorMapEncodeTiled(CUtensorMap *to, CUtensorMapDataType type, cuuint32_t rank, void *base, const cuuint64_t *dims,
                           const cuuint64_t *strides, const cuuint32_t *box, const cuuint32_t *steps, CUtensorMapInterleave interleave,
                           CUtensorMapSwizzle swizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill fill) {
  TensorMap map;
  bool good = fill_common(map, {type, rank, base, dims, strides, steps, interleave, swizzle, fill});
  for (unsigned i = 0; good && i < rank; i++) {
    good = box[i] && box[i] <= 256;
    map.box[i] = box[i];
  }
  return hand_over(good && fits_swizzle(map, box[0], swizzle), map, to);
}

API cuTensorMapEncodeIm2col(CUtensorMap *to, CUtensorMapDataType type, cuuint32_t rank, void *base, const cuuint64_t *dims,
                            const cuuint64_t *strides, const int *lower, const int *upper, cuuint32_t channels, cuuint32_t pixels,
                            const cuuint32_t *steps, CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle, CUtensorMapL2promotion,
                            CUtensorMapFloatOOBfill fill) {
  TensorMap map;
  bool good = fill_common(map, {type, rank, base, dims, strides, steps, interleave, swizzle, fill}) && rank >= 3;
  map.im2col = 1;
  map.channels = channels;
  map.pixels = pixels;
  // Corners take 16 bits in a map of three dimensions, 8 of four, 5 of five.
  int limit = rank == 5 ? 16 : rank == 4 ? 128 : 32768;
  for (unsigned i = 0; good && i + 2 < rank; i++) {
    good = lower[i] >= -limit && lower[i] < limit && upper[i] >= -limit && upper[i] < limit;
    map.lower[i] = lower[i];
    map.upper[i] = upper[i];
  }
  good = good && channels && channels <= 256 && pixels && pixels <= 1024 && fits_swizzle(map, channels, swizzle);
  return hand_over(good, map, to);
}
