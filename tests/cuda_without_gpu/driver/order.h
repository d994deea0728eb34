// The order in which blocks, warps and lanes run: as numbered, or shuffled by STANDIN_ORDER, so that a missing barrier shows.
#pragma once
#include <numeric>
#include <utility>
#include <vector>
#include "settings.h"

namespace standin {

class Order {
 public:
  static bool shuffled() {
    static const bool is = number_setting("STANDIN_ORDER", 0) != 0;
    return is;
  }
  explicit Order(size_t length) : numbers(length) { std::iota(numbers.begin(), numbers.end(), 0u); }
  void shuffle() {
    if (!shuffled()) return;
    for (size_t i = numbers.size(); i > 1; i--) std::swap(numbers[i - 1], numbers[random() % i]);
  }
  const unsigned *begin() const { return numbers.data(); }
  const unsigned *end() const { return numbers.data() + numbers.size(); }

  // A 64-bit linear congruential generator; its upper half is used.
  static unsigned long random() {
    static unsigned long state = number_setting("STANDIN_ORDER", 0) * 0x9E3779B97F4A7C15ul;
    state = state * 6364136223846793005ul + 1442695040888963407ul;
    return state >> 33;
  }

 private:
  std::vector<unsigned> numbers;
};

}  // namespace standin
