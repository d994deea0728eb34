// Bytes of the buffers that a launch is given: each that it reads, and each that it writes, once. No kernel moves less, unless it
// needs a part of a buffer alone; one that reads again what the cache has lost moves more. A buffer that is changed in place
// counts as written. Tensor maps (TMA) are not buffers here.
#include <fstream>
#include <set>
#include <sstream>
#include "driver.h"

namespace standin {

// A letter for each parameter of a kernel, by its source: `r` and `w` for buffers that are read and written, `-` for others.
std::string parameters_of(const std::string &source, const std::string &name) {
  std::ifstream file(source);
  std::stringstream content;
  content << file.rdbuf();
  const std::string &text = content.str();
  std::string letters, parameter;
  size_t start = text.find(name + "(");
  if (start == std::string::npos) return letters;
  int depth = 0;
  for (size_t i = start + name.size() + 1; i < text.size(); i++) {
    char c = text[i];
    if (depth == 0 && (c == ',' || c == ')')) {
      bool buffer = parameter.find('*') != std::string::npos, constant = parameter.find("const*") != std::string::npos;
      if (!parameter.empty()) letters += !buffer ? '-' : constant ? 'r' : 'w';
      parameter.clear();
      if (c == ')') break;
      continue;
    }
    depth += (c == '(' || c == '<') - (c == ')' || c == '>');
    parameter += c;
  }
  return letters;
}

Traffic traffic_of(const Function &kernel, void **arguments) {
  std::set<void *> read;
  Traffic bytes{0, 0};
  for (size_t i = 0; i < kernel.parameters.size(); i++) {
    char letter = kernel.parameters[i];
    if (letter == '-') continue;
    void *buffer = *(void **)arguments[i];
    if (letter == 'w') bytes.written += bytes_from(buffer);
    else if (read.insert(buffer).second) bytes.read += bytes_from(buffer);
  }
  return bytes;
}

}  // namespace standin
