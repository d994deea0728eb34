// Functions of whole numbers and floats that CUDA has and C++ has not. Fast ones are as exact as the others here.
#pragma once
#include "threads.h"

using std::isinf;
using std::isnan;

#define ORDERED(T)                                          \
  static inline T min(T a, T b) { return b < a ? b : a; }   \
  static inline T max(T a, T b) { return a < b ? b : a; }
ORDERED(int)
ORDERED(unsigned)
ORDERED(long)
ORDERED(unsigned long)
ORDERED(long long)
ORDERED(unsigned long long)
#undef ORDERED
static inline float min(float a, float b) { return fminf(a, b); }
static inline float max(float a, float b) { return fmaxf(a, b); }
static inline double min(double a, double b) { return fmin(a, b); }
static inline double max(double a, double b) { return fmax(a, b); }

static inline float rsqrt(float a) { return 1 / sqrtf(a); }
static inline double rsqrt(double a) { return 1 / sqrt(a); }
static inline float __fdividef(float a, float b) { return a / b; }
static inline float __fsqrt_rn(float a) { return sqrtf(a); }
static inline float __frsqrt_rn(float a) { return 1 / sqrtf(a); }
static inline float __frcp_rn(float a) { return 1 / a; }
// Macros, since the C library has functions of these names.
#define __expf expf
#define __logf logf
#define __sinf sinf
#define __cosf cosf
#define __tanhf tanhf
#define __powf powf

static inline int __popc(unsigned a) { return __builtin_popcount(a); }
static inline int __popcll(unsigned long long a) { return __builtin_popcountll(a); }
static inline int __clz(unsigned a) { return a ? __builtin_clz(a) : 32; }
static inline int __clzll(unsigned long long a) { return a ? __builtin_clzll(a) : 64; }
static inline int __ffs(unsigned a) { return __builtin_ffs(a); }
static inline int __ffsll(unsigned long long a) { return __builtin_ffsll(a); }
static inline unsigned __brev(unsigned a) {
  unsigned reversed = 0;
  for (int i = 0; i < 32; i++) reversed |= (a >> i & 1) << (31 - i);
  return reversed;
}
static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned long long)a * b >> 32; }
static inline int __mulhi(int a, int b) { return (long long)a * b >> 32; }
static inline unsigned long __umul64hi(unsigned long a, unsigned long b) { return (unsigned __int128)a * b >> 64; }
static inline long __mul64hi(long a, long b) { return (__int128)a * b >> 64; }

namespace standin {

// PTX's min.NaN and max.NaN: what is no number wins.
static inline float min_nan(float a, float b) { return isnan(a) ? a : isnan(b) ? b : fminf(a, b); }
static inline float max_nan(float a, float b) { return isnan(a) ? a : isnan(b) ? b : fmaxf(a, b); }

static inline int saturated(long value) { return value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : (int)value; }

}  // namespace standin
