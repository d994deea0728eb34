// Stands before NVIDIA's NVRTC. Keeps every kernel's source, has the real one compile it, and hands over the source's path.
//
//   STANDIN_NVRTC=all|run|none   what NVIDIA's compiler sees: every kernel, those that run, or none
//   STANDIN_KERNELS              the folder of sources (HASH.cu) and of the compiler's answers (HASH.ARCH.ptx, HASH.ARCH.refused)
//   STANDIN_REAL_NVRTC           NVIDIA's library
#include "nvrtc.h"
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <ctype.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <vector>
#include "driver/settings.h"

namespace standin {

namespace {
std::mutex one_at_a_time;

struct Program {
  std::string source, mark, log;
};

enum { SUCCESS = 0, FAILED = 6 };

std::string mode() { return text_setting("STANDIN_NVRTC", "all"); }

template <class F> F real(const char *name) {
  static void *library = dlopen(text_setting("STANDIN_REAL_NVRTC", "libnvrtc.so.13").c_str(), RTLD_NOW | RTLD_LOCAL);
  void *found = library ? dlsym(library, name) : nullptr;
  if (!found) {
    fprintf(stderr, "stand-in: %s\n", dlerror());
    abort();
  }
  return (F)found;
}

std::string contents(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

bool exists(const std::string &path) { return access(path.c_str(), R_OK) == 0; }

// In one step, since other processes write the same files.
void store(const std::string &path, const std::string &text) {
  std::string part = path + "." + std::to_string(getpid());
  std::ofstream(part, std::ios::binary) << text;
  rename(part.c_str(), path.c_str());
}

// CubeCL numbers values in another order in each run. Renumbered as they appear, the same kernel is the same text.
std::string renumbered(const std::string &source) {
  auto in_name = [](char letter) { return isalnum((unsigned char)letter) || letter == '_'; };
  std::map<std::string, std::string> names;
  std::string text;
  for (size_t at = 0; at < source.size();) {
    size_t end = at;
    while (end < source.size() && in_name(source[end])) end++;
    if (end == at) {
      text += source[at++];
      continue;
    }
    // `v12`, `v12_store` and `info_v12` are names that CubeCL numbers.
    std::string name = source.substr(at, end - at), before = name.compare(0, 5, "info_") == 0 ? "info_" : "";
    size_t digits = before.size() + 1, rest = digits;
    while (rest < name.size() && isdigit((unsigned char)name[rest])) rest++;
    std::string after = name.substr(std::min(rest, name.size()));
    if (name[before.size()] == 'v' && rest > digits && (after.empty() || after == "_store")) {
      auto number = names.insert({name.substr(digits, rest - digits), std::to_string(names.size())}).first->second;
      name = before + "v" + number + after;
    }
    text += name;
    at = end;
  }
  return text;
}

// The path of a source that is kept, without extension.
std::string kept(const std::string &source) {
  uint64_t hash = 1469598103934665603ull;
  for (unsigned char letter : source) hash = (hash ^ letter) * 1099511628211ull;
  char name[32];
  snprintf(name, sizeof name, "/%016lx", (unsigned long)hash);
  std::string path = text_setting("STANDIN_KERNELS", ".") + name;
  if (!exists(path + ".cu")) store(path + ".cu", source);
  if (contents(path + ".cu") != source) {
    fprintf(stderr, "stand-in: two sources have the hash of %s.cu\n", path.c_str());
    abort();
  }
  return path;
}

// The options without folders, which differ between machines: the architecture alone makes a difference.
std::string architecture(const std::vector<std::string> &options) {
  for (const std::string &option : options) {
    size_t at = option.find("--gpu-architecture=");
    if (at == 0) return option.substr(strlen("--gpu-architecture="));
  }
  return "default";
}

template <class Size, class Get> std::string text_of(void *program, const char *size_name, const char *get_name) {
  size_t size = 0;
  real<Size>(size_name)(program, &size);
  std::string text(size, 0);
  if (size) real<Get>(get_name)(program, &text[0]);
  return text.c_str();
}

// Has NVIDIA's compiler compile a source, or finds what it answered before. Empty if it takes it, else its log.
std::string refused(const std::string &path, const std::vector<std::string> &options) {
  typedef int (*Create)(void **, const char *, const char *, int, const char *const *, const char *const *);
  typedef int (*Compile)(void *, int, const char *const *);
  typedef int (*Size)(void *, size_t *);
  typedef int (*Get)(void *, char *);
  typedef int (*Destroy)(void **);
  std::string answer = path + "." + architecture(options);
  if (exists(answer + ".ptx")) return "";
  auto report = [&](const std::string &log) {
    fprintf(stderr, "stand-in: NVRTC refuses %s.cu: %.600s\n", path.c_str(), log.c_str());
    return log;
  };
  if (exists(answer + ".refused")) return report(contents(answer + ".refused"));
  std::vector<const char *> list;
  for (const std::string &option : options) list.push_back(option.c_str());
  void *program = nullptr;
  real<Create>("nvrtcCreateProgram")(&program, contents(path + ".cu").c_str(), nullptr, 0, nullptr, nullptr);
  int result = real<Compile>("nvrtcCompileProgram")(program, list.size(), list.data());
  std::string log = text_of<Size, Get>(program, "nvrtcGetProgramLogSize", "nvrtcGetProgramLog");
  if (result == SUCCESS) {
    store(answer + ".ptx", text_of<Size, Get>(program, "nvrtcGetPTXSize", "nvrtcGetPTX"));
    log.clear();
  } else {
    if (log.empty()) log = "refused without a reason";
    store(answer + ".refused", log);
    report(log);
  }
  real<Destroy>("nvrtcDestroyProgram")(&program);
  return log;
}

std::map<std::string, std::vector<std::string>> put_off;
}  // namespace

bool compile_put_off(const std::string &source) {
  std::lock_guard<std::mutex> guard(one_at_a_time);
  auto found = put_off.find(source);
  return found == put_off.end() || refused(source, found->second).empty();
}

}  // namespace standin
using namespace standin;

#define NVRTC extern "C" __attribute__((visibility("default"))) int

NVRTC nvrtcVersion(int *major, int *minor) {
  *major = 13;
  *minor = 0;
  return SUCCESS;
}

extern "C" __attribute__((visibility("default"))) const char *nvrtcGetErrorString(int result) {
  return result == SUCCESS ? "NVRTC_SUCCESS" : result == FAILED ? "NVRTC_ERROR_COMPILATION" : "NVRTC_ERROR";
}

NVRTC nvrtcCreateProgram(Program **program, const char *source, const char *, int, const char *const *, const char *const *) {
  *program = new Program{renumbered(source), "", ""};
  return SUCCESS;
}

NVRTC nvrtcDestroyProgram(Program **program) {
  delete *program;
  *program = nullptr;
  return SUCCESS;
}

NVRTC nvrtcCompileProgram(Program *program, int count, const char *const *options) {
  std::lock_guard<std::mutex> guard(one_at_a_time);
  std::vector<std::string> all(options, options + count);
  std::string path = kept(program->source);
  if (mode() == "all") {
    program->log = refused(path, all);
    if (!program->log.empty()) return FAILED;
  } else if (mode() == "run") {
    put_off[path] = all;
  }
  program->mark = "STANDIN:" + path;
  return SUCCESS;
}

NVRTC nvrtcGetPTXSize(Program *program, size_t *size) {
  *size = program->mark.size() + 1;
  return SUCCESS;
}

NVRTC nvrtcGetPTX(Program *program, char *text) {
  memcpy(text, program->mark.c_str(), program->mark.size() + 1);
  return SUCCESS;
}

NVRTC nvrtcGetProgramLogSize(Program *program, size_t *size) {
  *size = program->log.size() + 1;
  return SUCCESS;
}

NVRTC nvrtcGetProgramLog(Program *program, char *text) {
  memcpy(text, program->log.c_str(), program->log.size() + 1);
  return SUCCESS;
}
