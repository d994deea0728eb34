#!/usr/bin/env bash
# Tests and measures medseg on a GPU beside PyTorch, from the archive that build.sh packed.
#
#   measure.sh PART...     each part fits a call of ten minutes; without a part it prints this text
#
#   tests     the GPU tests, one process a topic, all at once: right or wrong does not depend on other processes
#   step      training steps of 4 x 128^3 in bf16 and f32, beside PyTorch's (autocast, compiled, channels-last)
#   conv      convolutions, norms, pooling and upsampling level by level, beside PyTorch's
#   window    a sliding window over 256 x 512 x 512, and a forward pass, beside PyTorch's
#   presets   the quick presets on the phantom, then two epochs of the reference experiment on synthetic volumes
#
# A step that fails or exceeds its time does not stop the others. Parts add to the folder OUT, whose report.md is written
# anew by every call.
#
#   MEDSEG_GPU=cuda      the device, as --device takes it
#   OUT=measured         the folder for logs and report
#   BUDGET=570           seconds of one call
#   DRY=1                tiny sizes, to try the script out on any machine
#   PYTHON=python3       an interpreter with PyTorch, for its side
#   MEDSEG_GPU_CACHE=kernels   the folder for compiled kernels; "off" to compile again in every program
#   CUDA_PATH            a toolkit with NVRTC and headers; found from nvcc or from PyTorch's packages if not set
set -uo pipefail
cd "$(dirname "$0")"
parts="$*"
for part in $parts; do
  case "$part" in tests | step | conv | window | presets) ;; *) parts="" && break ;; esac
done
if [ -z "$parts" ]; then
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
  exit 2
fi

export MEDSEG_GPU="${MEDSEG_GPU:-cuda}"
export MEDSEG_BENCH_DEVICE="$MEDSEG_GPU"
# Kernels that one part has compiled serve the next.
export MEDSEG_GPU_CACHE="${MEDSEG_GPU_CACHE:-$PWD/kernels}"
python="${PYTHON:-python3}"
budget="${BUDGET:-570}"
case "$MEDSEG_GPU" in cuda*) torch="$MEDSEG_GPU" ;; *) torch=cpu ;; esac
out="${OUT:-measured}"
mkdir -p "$out"

# A folder with include/cuda.h and NVRTC: the toolkit of nvcc, the usual place, or the packages that PyTorch came with.
toolkit() {
  local nvcc folder
  if nvcc="$(command -v nvcc)"; then
    folder="$(dirname "$(dirname "$(readlink -f "$nvcc")")")"
    if [ -e "$folder/include/cuda.h" ]; then echo "$folder" && return; fi
    # Debian's layout: nvcc in /usr/lib/nvidia-cuda-toolkit, headers in /usr/include.
    if [ -e /usr/include/cuda.h ]; then echo /usr && return; fi
  fi
  for folder in /usr/local/cuda /opt/cuda; do
    if [ -e "$folder/include/cuda.h" ]; then echo "$folder" && return; fi
  done
  "$python" - <<'PY'
import pathlib, sys

for entry in sys.path:
    for header in sorted(pathlib.Path(entry or ".").glob("nvidia/*/include/cuda.h")):
        print(header.parents[1])
        sys.exit()
PY
}
CUDA_PATH="${CUDA_PATH:-$(toolkit)}"
if [ -n "$CUDA_PATH" ]; then export CUDA_PATH; else unset CUDA_PATH; fi
libraries=""
for folder in "${CUDA_PATH:-}"/{lib64,lib,lib/x86_64-linux-gnu}; do
  if compgen -G "$folder/libnvrtc.so*" > /dev/null; then libraries="$libraries$folder:"; fi
done

# Runs one of our programs. PyTorch brings its own libraries, which must not meet the toolkit's.
ours() {
  local program="$1"
  shift
  LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:-}" exec "bin/$program" "$@"
}
peer() { exec "$python" "peers/$1.py" "${@:2}"; }

if [ -n "${DRY:-}" ]; then
  step_sizes=(--side 16 --batch 2 --channels 2,4,8 --runs 2)
  peer_image=(--image 24,32,40)
  conv_sizes=(--sizes small --batch 1 --runs 2)
  window="identity 1 24 32 40 16 2"
  quick=(--epochs 1 --roi 16,16,16 --channels 2,4,8)
  set=(3 0.25)
  reference=(--roi 16,16,16 --channels 2,4,8)
else
  step_sizes=(--side 128 --batch 4 --runs 5)
  peer_image=(--image 256,512,512)
  conv_sizes=(--sizes network --batch 4 --runs 5)
  window="unet 1 256 512 512 128 4"
  quick=()
  set=(6 4)
  reference=()
fi

# step NAME SECONDS FUNCTION ARGUMENTS...: runs the function in a process of its own for at most that long, or for what is
# left of the call's time.
step() {
  local name="$1" limit="$2" left=$((budget - SECONDS)) started=$SECONDS code=0 watch
  shift 2
  if [ "$left" -lt 5 ]; then
    echo "left out: the ${budget} s of this call are spent" > "$out/$name.log"
    echo "left out 0" > "$out/$name.code"
    return
  fi
  if [ "$limit" -gt "$left" ]; then limit=$left; fi
  echo "== $name (at ${SECONDS} s, at most $limit s)"
  ("$@") > "$out/$name.log" 2>&1 &
  local process=$!
  (
    sleep "$limit" && kill -TERM "$process" && sleep 5 && kill -KILL "$process"
  ) > /dev/null 2>&1 &
  watch=$!
  wait "$process" || code=$?
  # The sleep in the watch would otherwise outlive the script and hold its output open.
  pkill -P "$watch" 2> /dev/null
  kill "$watch" 2> /dev/null
  wait "$watch" 2> /dev/null
  echo "$code $((SECONDS - started))" > "$out/$name.code"
  tail -n 3 "$out/$name.log" | cut -c -200
}

machine() {
  date -u +%FT%TZ
  cat commit 2> /dev/null
  nvidia-smi --query-gpu=name,memory.total,driver_version,clocks.max.sm --format=csv 2> /dev/null
  echo "toolkit: ${CUDA_PATH:-none}; NVRTC: ${libraries:-as the loader finds it}"
  grep -m 1 'model name' /proc/cpuinfo
  nproc
  "$python" -c 'import torch; print("torch", torch.__version__, "cuDNN", torch.backends.cudnn.version())' 2> /dev/null
  ours device "$MEDSEG_GPU"
}

tests() {
  # Thousands of kernels are compiled, one after another in a process: a process a topic uses the other processors.
  local topic topics="conv norm optim pool upsample network losses checkpointing window golden device" running=()
  for topic in $topics; do
    step "tests_$topic" 540 ours gpu_tests --test-threads=1 "$topic::" &
    running+=($!)
  done
  wait "${running[@]}"
}

steps() {
  # Several hundred kernels are compiled, and the fastest chosen, before the first figure. What is compared runs in turn.
  step train_bf16 250 ours gpu_step "${step_sizes[@]}" --parts train --types bf16
  step train_bf16_torch 70 peer gpu_step "${step_sizes[@]}" --device "$torch" --parts train --types bf16 --compile
  step train_f32 190 ours gpu_step "${step_sizes[@]}" --parts train --types f32
  step train_f32_torch 60 peer gpu_step "${step_sizes[@]}" --device "$torch" --parts train --types f32 --compile
}

convolutions() {
  step conv 460 ours gpu_conv3d "${conv_sizes[@]}"
  step conv_torch 100 peer gpu_conv3d "${conv_sizes[@]}" --device "$torch"
}

windows() {
  MEDSEG_BENCH_CASE="$window" step window 240 ours sliding_window --bench
  step window_torch 70 peer gpu_step "${step_sizes[@]}" "${peer_image[@]}" --device "$torch" --parts window --runs 1
  step forward 190 ours gpu_step "${step_sizes[@]}" --parts forward
  step forward_torch 60 peer gpu_step "${step_sizes[@]}" --device "$torch" --parts forward
}

presets() {
  rm -rf "$out/runs" "$out/set"
  step one 140 ours one_stage --device "$MEDSEG_GPU" --out "$out/runs/one_stage" "${quick[@]}"
  step two 170 ours two_stage --device "$MEDSEG_GPU" --out "$out/runs/two_stage" "${quick[@]}"
  step set 40 ours data "$out/set" "${set[@]}"
  # Two epochs, since kernels are chosen in the first; cases are read, prepared and cropped as in the experiments.
  step paper 260 ours one_stage --device "$MEDSEG_GPU" --data "$out/set" --preset paper --stage fine --epochs 2 --out "$out/runs/paper" "${reference[@]}"
  rm -rf "$out/set"
}

step machine 40 machine
for part in $parts; do
  case "$part" in
    tests) tests ;;
    step) steps ;;
    conv) convolutions ;;
    window) windows ;;
    presets) presets ;;
  esac
done
"$python" report.py "$out" > "$out/report.md" || cat "$out"/*.log > "$out/report.md"
echo "$out/report.md after $SECONDS s"
