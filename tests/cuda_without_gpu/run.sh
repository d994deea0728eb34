#!/usr/bin/env bash
# Runs a program built with the feature `cuda` on a machine without a GPU: run.sh ARCH PROGRAM ARGS...
# ARCH: 80 as an A100, 86 as an RTX 3090, 90 as an H200. The README lists the settings that the environment takes.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
store="${STANDIN_STORE:-${XDG_CACHE_HOME:-$HOME/.cache}/medseg-cuda-without-gpu}"
toolkit="$("$here/wheels.sh" "$store")"
pair="$("$here/build.sh" "$store" "$toolkit")"
read -r built STANDIN_VERSION <<< "$pair"
export STANDIN_ARCH="$1"
shift
export STANDIN_KERNELS="${STANDIN_KERNELS:-$store/kernels}" STANDIN_VERSION STANDIN_PROCESSOR="$built/processor"
export STANDIN_TRANSLATE="python3 -B '$here/translate.py'"
STANDIN_REAL_NVRTC="$(ls "$toolkit"/lib*/libnvrtc.so.*)"
export STANDIN_REAL_NVRTC CUDA_PATH="$toolkit"
mkdir -p "$STANDIN_KERNELS"
# The stand-in's kernels are paths: none of them belongs into a cache for a GPU.
export MEDSEG_GPU_CACHE="${MEDSEG_GPU_CACHE:-off}"
export LD_LIBRARY_PATH="$built:$(dirname "$STANDIN_REAL_NVRTC")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
exec "$@"
