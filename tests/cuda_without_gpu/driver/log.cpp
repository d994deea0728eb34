// The log: a line for every launch, copy, wait and allocation. count.py reads it.
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include "driver.h"

namespace standin {

std::recursive_mutex everything;

void log_line(const char *format, ...) {
  static FILE *file = []() -> FILE * {
    std::string path = text_setting("STANDIN_LOG", "");
    return path.empty() ? nullptr : fopen(path.c_str(), "a");
  }();
  if (!file) return;
  Locked guard(everything);
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  fprintf(file, "%ld.%06ld ", (long)now.tv_sec, now.tv_nsec / 1000);
  va_list arguments;
  va_start(arguments, format);
  vfprintf(file, format, arguments);
  va_end(arguments);
  fputc('\n', file);
  fflush(file);
}

}  // namespace standin
