// PTX on matrices: mma.sync, ldmatrix, stmatrix, elect.sync. Layouts are those of the PTX manual's tables.
#pragma once
#include "wmma.h"

namespace standin {

// Elements of a register of 32 bits, and the value of one.
struct F16 {
  enum { packed = 2 };
  static float element(uint32_t bits, int i) { return HalfFormat::load(bits >> 16 * i); }
};
struct BF16 {
  enum { packed = 2 };
  static float element(uint32_t bits, int i) { return BrainFormat::load(bits >> 16 * i); }
};
struct TF32 {
  enum { packed = 1 };
  static float element(uint32_t bits, int) { return read_tf32(float_of(bits)); }
};

static inline uint32_t as_register(uint32_t value) { return value; }
static inline uint32_t as_register(int value) { return value; }
static inline uint32_t as_register(float value) { return bits_of(value); }

// mma.sync.m16n8k`K`, sums in f32. `A` and `B` registers a lane.
template <class T, int K, int A, int B> static inline void mma(float *d, const uint32_t *a, const uint32_t *b, const float *c) {
  constexpr int P = T::packed;
  static_assert(A * P == 16 * K / 32 && B * P == 8 * K / 32, "registers of the shape");
  struct Elements {
    float a[A * P], b[B * P];
  } own;
  for (int i = 0; i < A * P; i++) own.a[i] = T::element(a[i / P], i % P);
  for (int i = 0; i < B * P; i++) own.b[i] = T::element(b[i / P], i % P);
  auto all = exchange("mma.sync", own);
  int group = thread_->lane / 4, in_group = thread_->lane % 4;
  // Two rows of the left matrix, two columns of the right one.
  float rows[2][K], columns[2][K];
  for (int k = 0; k < K; k++) {
    int lane = k % (4 * P) / P, half = k / (4 * P), i = k % P;
    const Elements &left = all.of(group * 4 + lane);
    rows[0][k] = left.a[2 * half * P + i];
    rows[1][k] = left.a[(2 * half + 1) * P + i];
    for (int n = 0; n < 2; n++) columns[n][k] = all.of((2 * in_group + n) * 4 + lane).b[half * P + i];
  }
  for (int e = 0; e < 4; e++) {
    float sum = 0;
    for (int k = 0; k < K; k++) sum += rows[e / 2][k] * columns[e % 2][k];
    d[e] = c[e] + sum;
  }
}

// The same with sums in f16, two a register.
template <int K, int A, int B> static inline void mma_sums_in_f16(uint32_t *d, const uint32_t *a, const uint32_t *b, const uint32_t *c) {
  float before[4], after[4];
  for (int i = 0; i < 4; i++) before[i] = F16::element(c[i / 2], i % 2);
  mma<F16, K, A, B>(after, a, b, before);
  for (int i = 0; i < 2; i++) d[i] = HalfFormat::store(after[2 * i]) | (uint32_t)HalfFormat::store(after[2 * i + 1]) << 16;
}

// Row and column of a lane's `i`th element of an 8 x 8 matrix of 16-bit values.
static inline void place_in_matrix(bool transposed, int i, int &row, int &column) {
  int a = thread_->lane / 4, b = 2 * (thread_->lane % 4) + i;
  row = transposed ? b : a;
  column = transposed ? a : b;
}

// Lane `8 * j + r` gives the address of row `r` of matrix `j`.
template <int COUNT, bool TRANSPOSED> static inline void ldmatrix(uint32_t *registers, uint32_t address) {
  auto all = exchange("ldmatrix", address);
  for (int j = 0; j < COUNT; j++) {
    uint16_t values[2];
    for (int i = 0; i < 2; i++) {
      int row, column;
      place_in_matrix(TRANSPOSED, i, row, column);
      uint32_t start = all.of(8 * j + row);
      if (start % 16) fault("ldmatrix from a row that is not aligned to 16 bytes");
      memcpy(&values[i], in_shared(start) + 2 * column, 2);
    }
    registers[j] = values[0] | (uint32_t)values[1] << 16;
  }
  thread_->driver->sync_warp(thread_, "the end of ldmatrix");
}

template <int COUNT, bool TRANSPOSED> static inline void stmatrix(uint32_t address, const uint32_t *registers) {
  auto all = exchange("stmatrix", address);
  for (int j = 0; j < COUNT; j++) {
    for (int i = 0; i < 2; i++) {
      int row, column;
      place_in_matrix(TRANSPOSED, i, row, column);
      uint32_t start = all.of(8 * j + row);
      if (start % 16) fault("stmatrix to a row that is not aligned to 16 bytes");
      uint16_t value = registers[j] >> 16 * i;
      memcpy(in_shared(start) + 2 * column, &value, 2);
    }
  }
  thread_->driver->sync_warp(thread_, "the end of stmatrix");
}

// One lane of the warp is chosen: here the first.
static inline uint32_t elect_sync() { return thread_->lane == 0; }

}  // namespace standin
