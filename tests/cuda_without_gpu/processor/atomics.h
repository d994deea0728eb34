// Atomics. Threads take turns here, so each is a plain read and write.
#pragma once
#include "numbers.h"

#define ATOMIC(NAME, UPDATE)                                                  \
  template <class T, class U> static inline T NAME(T *place, U with) {       \
    T old = *place, value = (T)with;                                          \
    *place = UPDATE;                                                          \
    return old;                                                               \
  }
ATOMIC(atomicAdd, old + value)
ATOMIC(atomicSub, old - value)
ATOMIC(atomicMin, value < old ? value : old)
ATOMIC(atomicMax, old < value ? value : old)
ATOMIC(atomicAnd, old & value)
ATOMIC(atomicOr, old | value)
ATOMIC(atomicXor, old ^ value)
ATOMIC(atomicExch, value)
#undef ATOMIC

template <class T, class U, class V> static inline T atomicCAS(T *place, U expected, V value) {
  T old = *place;
  if (old == (T)expected) *place = value;
  return old;
}

namespace standin {

// Of 16-bit numbers, which PTX takes as registers.
template <class T> struct Extremes {
  static T min(T a, T b) { return __hmin(a, b); }
  static T max(T a, T b) { return __hmax(a, b); }
};
template <class N> struct Extremes<Pair<N>> {
  static Pair<N> min(Pair<N> a, Pair<N> b) { return __hmin2(a, b); }
  static Pair<N> max(Pair<N> a, Pair<N> b) { return __hmax2(a, b); }
};
template <class T, class R> static inline R narrow_atomic(T *place, R with, T (*update)(T, T)) {
  static_assert(sizeof(T) == sizeof(R), "a register of the number's size");
  T old = *place, value;
  memcpy(&value, &with, sizeof value);
  *place = update(old, value);
  memcpy(&with, &old, sizeof with);
  return with;
}
template <class T> static inline T sum_of(T a, T b) { return a + b; }

}  // namespace standin
