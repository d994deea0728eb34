// TMA: copies by a tensor map, of a box (tiled) or of pixels in a row (im2col).
#pragma once
#include "../tensor_map.h"
#include "barriers.h"

namespace standin {

// The place of a byte under a swizzle: bits of the row are mixed into the number of the 16-byte chunk.
static inline size_t swizzled(size_t at, int swizzle) {
  size_t row = at >> 7 & ((1u << swizzle) - 1);  // 0: none; 1, 2, 3: 32, 64, 128 bytes
  return at ^ row << 4;
}

// Writes an element, or what stands for those outside of the tensor, as the `number`th of a copy.
static inline void put_element(const TensorMap &map, const long *at, char *to, size_t number) {
  size_t start = to - thread_->shared;
  char *place = thread_->shared + swizzled(start + number * map.element, map.swizzle);
  uint64_t from = map.base;
  bool inside = true;
  for (int i = 0; i < map.rank; i++) {
    inside &= at[i] >= 0 && at[i] < (long)map.dim[i];
    from += at[i] * (i == 0 ? map.element : map.stride[i - 1]);
  }
  if (inside) {
    memcpy(place, (const void *)from, map.element);
  } else {
    memset(place, map.nan_outside ? 0x7f : 0, map.element);
  }
}

struct TensorCopy : Copy {
  TensorMap map;
};

static inline void tiled_copy(const Copy &copy) {
  const TensorMap &map = ((const TensorCopy &)copy).map;
  size_t count = copy.bytes / map.element;
  for (size_t number = 0; number < count; number++) {
    long at[5];
    size_t rest = number;
    for (int i = 0; i < map.rank; i++) {
      unsigned length = (map.box[i] + map.step[i] - 1) / map.step[i];
      at[i] = copy.at[i] + (long)(rest % length) * map.step[i];
      rest /= length;
    }
    put_element(map, at, copy.to, number);
  }
}

// Pixels are walked in the box that the corners leave of the image, then on into the next image.
static inline void im2col_copy(const Copy &copy) {
  const TensorMap &map = ((const TensorCopy &)copy).map;
  int spatial = map.rank - 2;
  long pixel[3], image = copy.at[map.rank - 1];
  for (int i = 0; i < spatial; i++) pixel[i] = copy.at[1 + i];
  size_t number = 0;
  for (unsigned k = 0; k < map.pixels; k++) {
    for (unsigned channel = 0; channel < map.channels; channel++) {
      long at[5];
      at[0] = copy.at[0] + (long)channel;
      for (int i = 0; i < spatial; i++) at[1 + i] = pixel[i] + copy.offsets[i];
      at[map.rank - 1] = image;
      put_element(map, at, copy.to, number++);
    }
    int i = 0;
    for (; i < spatial; i++) {
      pixel[i] += map.step[1 + i];
      if (pixel[i] < (long)map.dim[1 + i] + map.upper[i]) break;
      pixel[i] = map.lower[i];
    }
    if (i == spatial) image++;
  }
}

static inline void begin_tensor_copy(char *to, const void *map, const int *at, const unsigned short *offsets, Barrier &barrier) {
  TensorCopy *copy = (TensorCopy *)malloc(sizeof(TensorCopy));
  memcpy(&copy->map, map, sizeof copy->map);
  const TensorMap &m = copy->map;
  if ((offsets != nullptr) != (m.im2col != 0)) fault("a copy by a tensor map of the other kind");
  if ((to - thread_->shared) % 128) fault("TMA into shared memory that is not aligned to 128 bytes");
  long elements = offsets ? m.pixels * m.channels : 1;
  for (int i = 0; !offsets && i < m.rank; i++) elements *= (m.box[i] + m.step[i] - 1) / m.step[i];
  (Copy &)*copy = {nullptr, offsets ? im2col_copy : tiled_copy, to, nullptr, elements * m.element, 0, 0, {}, {}};
  memcpy(copy->at, at, m.rank * sizeof(int));
  if (offsets) memcpy(copy->offsets, offsets, (m.rank - 2) * sizeof(unsigned short));
  begin_copy(barrier, copy);
}

}  // namespace standin

namespace cuda {
namespace device {
namespace experimental {
template <class T, class M, class B, class... At> static inline void tiled(T *to, const M *map, B &barrier, At... coordinates) {
  int at[] = {(int)coordinates...};
  standin::begin_tensor_copy((char *)to, map, at, nullptr, barrier.state());
}
template <class T, class M, class B> static inline void cp_async_bulk_tensor_1d_global_to_shared(T *to, const M *map, int a, B &barrier) {
  tiled(to, map, barrier, a);
}
template <class T, class M, class B> static inline void cp_async_bulk_tensor_2d_global_to_shared(T *to, const M *map, int a, int b, B &barrier) {
  tiled(to, map, barrier, a, b);
}
template <class T, class M, class B>
static inline void cp_async_bulk_tensor_3d_global_to_shared(T *to, const M *map, int a, int b, int c, B &barrier) {
  tiled(to, map, barrier, a, b, c);
}
template <class T, class M, class B>
static inline void cp_async_bulk_tensor_4d_global_to_shared(T *to, const M *map, int a, int b, int c, int d, B &barrier) {
  tiled(to, map, barrier, a, b, c, d);
}
template <class T, class M, class B>
static inline void cp_async_bulk_tensor_5d_global_to_shared(T *to, const M *map, int a, int b, int c, int d, int e, B &barrier) {
  tiled(to, map, barrier, a, b, c, d, e);
}
}  // namespace experimental
}  // namespace device
}  // namespace cuda
