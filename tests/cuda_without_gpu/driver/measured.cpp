// Is a launch one that CubeCL's tuning measures? The stack of the caller says so: its functions are looked up in the program.
//
// The output of such a launch is thrown away, so the stand-in need not run it: tuning is then quick, and its choice is kept
// to a seed. In a program without symbols no function is found, and all launches run.
#include <elf.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <vector>
#include "driver.h"

namespace standin {

namespace {
struct Range {
  uintptr_t start, end;
};

int base_of_program(dl_phdr_info *info, size_t, void *base) {
  *(uintptr_t *)base = info->dlpi_addr;
  return 1;  // the program comes first
}

// The functions of `cubecl_runtime::tune::tune_benchmark`: all that runs below them is measured.
std::vector<Range> measuring_functions() {
  std::vector<Range> found;
  int file = open("/proc/self/exe", O_RDONLY);
  struct stat status;
  if (file < 0 || fstat(file, &status)) return found;
  char *image = (char *)mmap(nullptr, status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (image == MAP_FAILED) return found;
  uintptr_t base = 0;
  dl_iterate_phdr(base_of_program, &base);
  auto header = (Elf64_Ehdr *)image;
  auto sections = (Elf64_Shdr *)(image + header->e_shoff);
  for (int i = 0; i < header->e_shnum; i++) {
    if (sections[i].sh_type != SHT_SYMTAB) continue;
    auto symbols = (Elf64_Sym *)(image + sections[i].sh_offset);
    const char *names = image + sections[sections[i].sh_link].sh_offset;
    for (size_t k = 0; k < sections[i].sh_size / sizeof(Elf64_Sym); k++) {
      const Elf64_Sym &symbol = symbols[k];
      if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || !strstr(names + symbol.st_name, "4tune14tune_benchmark")) continue;
      found.push_back({base + symbol.st_value, base + symbol.st_value + symbol.st_size});
    }
  }
  munmap(image, status.st_size);
  std::sort(found.begin(), found.end(), [](Range a, Range b) { return a.start < b.start; });
  log_line("functions that measure: %zu", found.size());
  return found;
}
}  // namespace

bool is_measurement() {
  static const std::vector<Range> functions = measuring_functions();
  if (functions.empty()) return false;
  void *frames[512];
  int count = backtrace(frames, 512);
  for (int i = 0; i < count; i++) {
    uintptr_t at = (uintptr_t)frames[i];
    auto next = std::upper_bound(functions.begin(), functions.end(), at, [](uintptr_t a, Range b) { return a < b.start; });
    if (next != functions.begin() && at < std::prev(next)->end) return true;
  }
  return false;
}

}  // namespace standin
