// CUDA C++, as CubeCL writes it, for the processor. A name that is not here stops the compilation: nothing is guessed.
#pragma once
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <type_traits>
#include <utility>
#include "threads.h"
// One concept each:
#include "numbers.h"
#include "arithmetic.h"
#include "atomics.h"
#include "barriers.h"
#include "async_copies.h"
#include "tensor_copies.h"
#include "wmma.h"
#include "mma.h"
#include "entry.h"
