#!/usr/bin/env bash
# Builds and runs self_test.cpp: do the stand-ins see the errors that they must see? Half a minute, the next time a second.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
# Kernels with errors are kept apart from those of programs.
export STANDIN_KERNELS="${STANDIN_STORE:-${XDG_CACHE_HOME:-$HOME/.cache}/medseg-cuda-without-gpu}/self_test"
# shellcheck disable=SC2016
"$here/run.sh" 86 bash -c 'g++ -O1 -std=c++17 -I "$CUDA_PATH/include" -o "$1/self_test" "$2/self_test.cpp" \
  -L "${LD_LIBRARY_PATH%%:*}" -l:libcuda.so.1 -l:libnvrtc.so && "$1/self_test"' _ "$work" "$here"
