// Numbers of 16 bits: `__half` and `__nv_bfloat16`, and pairs of them.
#pragma once
#include "threads.h"

namespace standin {

static inline uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return bits;
}
static inline float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

// A double as a float whose last bit says whether something was cut off: rounded once more, it is rounded as the double is.
static inline float to_odd(double value) {
  float near = (float)value;
  if ((double)near == value || near != near || std::isinf(near)) return near;
  uint32_t bits = bits_of(near);
  if (fabs((double)near) > fabs(value)) bits -= 1;  // towards zero
  return float_of(bits | 1);
}

struct HalfFormat {
  static float load(uint16_t bits) { return _cvtsh_ss(bits); }
  static uint16_t store(double value) { return _cvtss_sh(to_odd(value), 0); }
};

struct BrainFormat {
  static float load(uint16_t bits) { return float_of((uint32_t)bits << 16); }
  static uint16_t store(double value) {
    float odd = to_odd(value);
    uint32_t bits = bits_of(odd);
    return odd != odd ? 0x7fff : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  }
};

// Arithmetic is that of floats, and each result is rounded.
template <class Format> struct Narrow {
  uint16_t bits;

  Narrow() = default;
  template <class T, class = std::enable_if_t<std::is_arithmetic<T>::value>> Narrow(T value) : bits(Format::store((double)value)) {}
  float wide() const { return Format::load(bits); }
  template <class T, class = std::enable_if_t<std::is_arithmetic<T>::value && !std::is_same<T, bool>::value>> explicit operator T() const {
    return (T)wide();
  }
  explicit operator bool() const { return wide() != 0; }

  Narrow operator-() const { return of_bits(bits ^ 0x8000); }
  friend Narrow operator+(Narrow a, Narrow b) { return a.wide() + b.wide(); }
  friend Narrow operator-(Narrow a, Narrow b) { return a.wide() - b.wide(); }
  friend Narrow operator*(Narrow a, Narrow b) { return a.wide() * b.wide(); }
  friend Narrow operator/(Narrow a, Narrow b) { return a.wide() / b.wide(); }
  friend Narrow &operator+=(Narrow &a, Narrow b) { return a = a + b; }
  friend bool operator==(Narrow a, Narrow b) { return a.wide() == b.wide(); }
  friend bool operator!=(Narrow a, Narrow b) { return a.wide() != b.wide(); }
  friend bool operator<(Narrow a, Narrow b) { return a.wide() < b.wide(); }
  friend bool operator<=(Narrow a, Narrow b) { return a.wide() <= b.wide(); }
  friend bool operator>(Narrow a, Narrow b) { return a.wide() > b.wide(); }
  friend bool operator>=(Narrow a, Narrow b) { return a.wide() >= b.wide(); }

  static Narrow of_bits(uint16_t bits) {
    Narrow narrow;
    narrow.bits = bits;
    return narrow;
  }
};

template <class N> struct alignas(4) Pair {
  N x, y;
  Pair() = default;
  Pair(N x, N y) : x(x), y(y) {}
  template <class T, class = std::enable_if_t<std::is_arithmetic<T>::value || std::is_same<T, N>::value>> Pair(T value) : x(value), y(value) {}
  Pair operator-() const { return {-x, -y}; }
  friend Pair operator+(Pair a, Pair b) { return {a.x + b.x, a.y + b.y}; }
  friend Pair operator-(Pair a, Pair b) { return {a.x - b.x, a.y - b.y}; }
  friend Pair operator*(Pair a, Pair b) { return {a.x * b.x, a.y * b.y}; }
  friend Pair operator/(Pair a, Pair b) { return {a.x / b.x, a.y / b.y}; }
};

}  // namespace standin

typedef standin::Narrow<standin::HalfFormat> __half;
typedef standin::Narrow<standin::BrainFormat> __nv_bfloat16;
typedef standin::Pair<__half> __half2;
typedef standin::Pair<__nv_bfloat16> __nv_bfloat162;

// Functions of one value: `hexp` of a number, `h2exp` of a pair.
#define NARROW_FUNCTION(NAME, VALUE)                                                            \
  template <class F> static inline standin::Narrow<F> h##NAME(standin::Narrow<F> a) {           \
    float v = a.wide();                                                                         \
    return VALUE;                                                                               \
  }                                                                                             \
  template <class N> static inline standin::Pair<N> h2##NAME(standin::Pair<N> a) { return {h##NAME(a.x), h##NAME(a.y)}; }
NARROW_FUNCTION(exp, expf(v))
NARROW_FUNCTION(log, logf(v))
NARROW_FUNCTION(sin, sinf(v))
NARROW_FUNCTION(cos, cosf(v))
NARROW_FUNCTION(tanh, tanhf(v))
NARROW_FUNCTION(sqrt, sqrtf(v))
NARROW_FUNCTION(rsqrt, 1 / sqrtf(v))
NARROW_FUNCTION(rcp, 1 / v)
NARROW_FUNCTION(ceil, ceilf(v))
NARROW_FUNCTION(floor, floorf(v))
NARROW_FUNCTION(trunc, truncf(v))
NARROW_FUNCTION(rint, rintf(v))
#undef NARROW_FUNCTION

template <class F> static inline standin::Narrow<F> __habs(standin::Narrow<F> a) { return standin::Narrow<F>::of_bits(a.bits & 0x7fff); }
template <class F> static inline bool __hisnan(standin::Narrow<F> a) { return a != a; }
template <class F> static inline bool __hisinf(standin::Narrow<F> a) { return std::isinf(a.wide()); }
template <class F> static inline standin::Narrow<F> __hfma(standin::Narrow<F> a, standin::Narrow<F> b, standin::Narrow<F> c) {
  return (double)a.wide() * b.wide() + c.wide();
}
// Of a number and one that is none, the number; with `_nan`, the one that is none.
#define NARROW_CHOICE(NAME, BETTER)                                                                                         \
  template <class F> static inline standin::Narrow<F> __h##NAME(standin::Narrow<F> a, standin::Narrow<F> b) {               \
    return b != b || a BETTER b ? a : b;                                                                                    \
  }                                                                                                                         \
  template <class F> static inline standin::Narrow<F> __h##NAME##_nan(standin::Narrow<F> a, standin::Narrow<F> b) {         \
    return a != a ? a : b != b ? b : __h##NAME(a, b);                                                                       \
  }                                                                                                                         \
  template <class N> static inline standin::Pair<N> __h##NAME##2(standin::Pair<N> a, standin::Pair<N> b) {                  \
    return {__h##NAME(a.x, b.x), __h##NAME(a.y, b.y)};                                                                      \
  }                                                                                                                         \
  template <class N> static inline standin::Pair<N> __h##NAME##2_nan(standin::Pair<N> a, standin::Pair<N> b) {              \
    return {__h##NAME##_nan(a.x, b.x), __h##NAME##_nan(a.y, b.y)};                                                          \
  }
NARROW_CHOICE(min, <)
NARROW_CHOICE(max, >)
#undef NARROW_CHOICE
template <class N> static inline standin::Pair<N> __habs2(standin::Pair<N> a) { return {__habs(a.x), __habs(a.y)}; }
template <class N> static inline standin::Pair<N> __hfma2(standin::Pair<N> a, standin::Pair<N> b, standin::Pair<N> c) {
  return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)};
}

static inline __half __float2half_rn(float value) { return value; }
static inline __half2 __halves2half2(__half a, __half b) { return {a, b}; }
static inline float __half2float(__half value) { return value.wide(); }
static inline __nv_bfloat16 __float2bfloat16(float value) { return value; }
