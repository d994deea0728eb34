// nvcuda::wmma: products of matrices that a warp holds in fragments. Which lane holds an element is not specified by CUDA.
#pragma once
#include "numbers.h"

namespace standin {

static inline bool exact_tf32() { return thread_->driver->exact_tf32; }
// As cvt.rna does: to nearest, ties away from zero.
static inline float to_tf32(float value) {
  if (exact_tf32()) return value;
  uint32_t bits = bits_of(value);
  if ((bits & 0x7f800000) != 0x7f800000) bits += 0x1000;
  return float_of(bits & ~0x1fffu);
}
// As tensor cores read a register: the lower bits are not looked at.
static inline float read_tf32(float value) { return exact_tf32() ? value : float_of(bits_of(value) & ~0x1fffu); }

}  // namespace standin

namespace nvcuda {
namespace wmma {

struct matrix_a {};
struct matrix_b {};
struct accumulator {};
struct row_major {};
struct col_major {};
namespace precision {
struct tf32 {};
}
enum layout_t { mem_row_major, mem_col_major };

static inline float __float_to_tf32(float value) { return standin::to_tf32(value); }

// How a type is held, and what a product reads of it.
template <class T> struct Held {
  typedef T type;
  static float read(T value) { return (float)value; }
};
template <> struct Held<precision::tf32> {
  typedef float type;
  static float read(float value) { return standin::read_tf32(value); }
};

template <class Use, int M, int N, int K> struct Shape;
template <int M, int N, int K> struct Shape<matrix_a, M, N, K> { enum { rows = M, columns = K }; };
template <int M, int N, int K> struct Shape<matrix_b, M, N, K> { enum { rows = K, columns = N }; };
template <int M, int N, int K> struct Shape<accumulator, M, N, K> { enum { rows = M, columns = N }; };

// Element `e` of a lane is number `lane + 32 * e` of the matrix, row by row.
template <class Use, int M, int N, int K, class T, class Layout = void> struct fragment {
  enum { rows = Shape<Use, M, N, K>::rows, columns = Shape<Use, M, N, K>::columns, num_elements = rows * columns / 32 };
  typename Held<T>::type x[num_elements];

  template <class P, class Each> static void each(P *memory, unsigned stride, bool by_rows, Each each) {
    if ((uintptr_t)memory % 32) standin::fault("wmma with a pointer that is not aligned to 32 bytes");
    if (stride * sizeof(P) % 16) standin::fault("wmma with a stride that is no multiple of 16 bytes");
    for (int e = 0; e < num_elements; e++) {
      size_t number = thread_->lane + 32 * e, row = number / columns, column = number % columns;
      each(e, by_rows ? memory[row * stride + column] : memory[column * stride + row]);
    }
  }
};

template <class Use, int M, int N, int K, class T, class L, class V> static inline void fill_fragment(fragment<Use, M, N, K, T, L> &f, V value) {
  for (auto &x : f.x) x = value;
}

template <class F, class P> static inline void load(F &f, const P *memory, unsigned stride, bool by_rows) {
  thread_->driver->sync_warp(thread_, "load_matrix_sync");
  F::each(memory, stride, by_rows, [&](int e, const P &value) { f.x[e] = value; });
  thread_->driver->sync_warp(thread_, "the end of load_matrix_sync");
}
template <class Use, int M, int N, int K, class T, class L, class P>
static inline void load_matrix_sync(fragment<Use, M, N, K, T, L> &f, const P *memory, unsigned stride) {
  static_assert(!std::is_same<L, void>::value, "an accumulator is loaded with a layout");
  load(f, memory, stride, std::is_same<L, row_major>::value);
}
template <int M, int N, int K, class T, class P>
static inline void load_matrix_sync(fragment<accumulator, M, N, K, T> &f, const P *memory, unsigned stride, layout_t layout) {
  load(f, memory, stride, layout == mem_row_major);
}
template <int M, int N, int K, class T, class P>
static inline void store_matrix_sync(P *memory, const fragment<accumulator, M, N, K, T> &f, unsigned stride, layout_t layout) {
  thread_->driver->sync_warp(thread_, "store_matrix_sync");
  f.each(memory, stride, layout == mem_row_major, [&](int e, P &value) { value = f.x[e]; });
  thread_->driver->sync_warp(thread_, "the end of store_matrix_sync");
}

template <int M, int N, int K, class T, class A, class B, class LA, class LB>
static inline void mma_sync(fragment<accumulator, M, N, K, T> &d, const fragment<matrix_a, M, N, K, A, LA> &a,
                            const fragment<matrix_b, M, N, K, B, LB> &b, const fragment<accumulator, M, N, K, T> &c) {
  struct Both {
    float a[M * K / 32], b[K * N / 32];
  } own;
  for (int e = 0; e < a.num_elements; e++) own.a[e] = Held<A>::read(a.x[e]);
  for (int e = 0; e < b.num_elements; e++) own.b[e] = Held<B>::read(b.x[e]);
  auto all = standin::exchange("wmma::mma_sync", own);
  // All elements of a lane lie in one column.
  static_assert(32 % N == 0, "columns of the shape");
  int column = thread_->lane % N;
  float right[K];
  for (int k = 0; k < K; k++) right[k] = all.of((k * N + column) % 32).b[(k * N + column) / 32];
  for (int e = 0; e < d.num_elements; e++) {
    int first = (thread_->lane + 32 * e) / N * K;
    float sum = 0;
    for (int k = 0; k < K; k++) sum += all.of((first + k) % 32).a[(first + k) / 32] * right[k];
    d.x[e] = T((float)c.x[e] + sum);
  }
}

}  // namespace wmma
}  // namespace nvcuda
