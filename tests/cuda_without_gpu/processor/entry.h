// How the driver's stand-in calls a kernel: by an array of pointers to the arguments.
#pragma once
#include "threads.h"

namespace standin {

template <class... A, size_t... I> static inline void call(void (*kernel)(A...), void **arguments, std::index_sequence<I...>) {
  kernel(*(std::remove_const_t<A> *)arguments[I]...);
}
template <class... A> static inline void call(void (*kernel)(A...), void **arguments) { call(kernel, arguments, std::index_sequence_for<A...>{}); }

}  // namespace standin
