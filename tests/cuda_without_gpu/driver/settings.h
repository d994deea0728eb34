// Settings, which the environment gives. The README lists them.
#pragma once
#include <stdlib.h>
#include <string>

namespace standin {

inline std::string text_setting(const char *name, const char *otherwise) {
  const char *value = getenv(name);
  return value && *value ? value : otherwise;
}

inline long number_setting(const char *name, long otherwise) {
  const char *value = getenv(name);
  return value && *value ? atol(value) : otherwise;
}

}  // namespace standin
