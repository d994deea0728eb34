// Families of kernels, by what their sources do: tuning can be made to prefer one (STANDIN_PREFER=tma,mma).
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <fstream>
#include <sstream>
#include <string>

namespace standin {

struct Family {
  const char *name;
  unsigned bit;
};
// `plain`: tensor cores whose operands come neither by cp.async nor by TMA.
constexpr Family FAMILIES[] = {{"mma", 1}, {"wmma", 2}, {"cp.async", 4}, {"tma", 8}, {"plain", 16}};

inline unsigned families_of(const std::string &source) {
  std::ifstream file(source);
  std::stringstream text;
  text << file.rdbuf();
  const std::string &all = text.str();
  auto has = [&](const char *what) { return all.find(what) != std::string::npos; };
  unsigned bits = (has("mma.sync") ? 1 : 0) | (has("wmma::mma_sync") ? 2 : 0) | (has("cp.async.c") ? 4 : 0) |
                  (has("cp.async.bulk.tensor") || has("cp_async_bulk_tensor") ? 8 : 0);
  return (bits & 3) && !(bits & 12) ? bits | 16 : bits;
}

inline unsigned families_named(const std::string &names) {
  std::stringstream list(names);
  std::string name;
  unsigned bits = 0;
  while (std::getline(list, name, ',')) {
    unsigned bit = 0;
    for (const Family &family : FAMILIES) bit |= name == family.name ? family.bit : 0;
    if (!bit) {
      fprintf(stderr, "stand-in: no family of kernels is called %s\n", name.c_str());
      abort();
    }
    bits |= bit;
  }
  return bits;
}

inline std::string families_text(unsigned bits) {
  std::string text;
  for (const Family &family : FAMILIES) {
    if (bits & family.bit) text += (text.empty() ? "" : ",") + std::string(family.name);
  }
  return text.empty() ? "-" : text;
}

}  // namespace standin
