#!/usr/bin/env bash
# Builds the stand-ins and compiles the header for kernels, once for each state of the sources: build.sh FOLDER TOOLKIT
# Prints the folder with libcuda.so, libnvrtc.so and the header, and the version of what kernels are compiled with.
set -euo pipefail
folder="$1" toolkit="$2"
cd "$(dirname "$0")"
sum() { sha256sum | cut -c 1-16; }
# Kernels are compiled anew when one of these changes. The compiler is one: its compiled header fits no other.
kernels="$({ cat block.h tensor_map.h ptx.py translate.py processor/*; g++ --version; } | sum)"
built="$folder/build-$({ echo "$kernels"; cat build.sh nvrtc.* driver/*; } | sum)"

if [ ! -d "$built" ]; then
  mkdir -p "$folder"
  work="$(mktemp -d "$folder/build.XXXXXX")"
  trap 'rm -rf "$work"' EXIT
  # One library under both names, so that each half finds the other.
  g++ -O2 -std=c++17 -Wall -Wextra -fPIC -fvisibility=hidden -shared -I "$toolkit/include" -o "$work/libcuda.so" driver/*.cpp nvrtc.cpp -ldl -lpthread
  for name in libcuda.so.1 libnvrtc.so; do ln -s libcuda.so "$work/$name"; done
  mkdir "$work/processor"
  # shellcheck disable=SC2046
  g++ $(python3 -B translate.py --flags) -x c++-header processor/cuda.h -o "$work/processor/cuda.h.gch"
  # In one step. Another process may have been first.
  mv -T "$work" "$built" 2> /dev/null || test -d "$built"
fi
echo "$built $kernels"
