#!/usr/bin/env bash
# Measures all there is to measure on a GPU, in ten minutes, beside PyTorch: measure.sh [STEP...], from what build.sh packed.
# Writes measured/report.md and a log of every step. A step that fails, or takes too long, does not stop the others.
#
#   MEDSEG_GPU=cuda      the device, as --device takes it
#   BUDGET=570           seconds in all; what is left over when they are spent is left out
#   DRY=1                tiny sizes, to try the script out on any machine
#   PYTHON=python3       with PyTorch, for its side
set -uo pipefail
cd "$(dirname "$0")"
export MEDSEG_GPU="${MEDSEG_GPU:-cuda}"
export MEDSEG_BENCH_DEVICE="$MEDSEG_GPU"
python="${PYTHON:-python3}"
budget="${BUDGET:-570}"
case "$MEDSEG_GPU" in cuda*) torch="$MEDSEG_GPU" ;; *) torch=cpu ;; esac
out=measured
mkdir -p "$out"
rm -rf "$out"/runs "$out"/set

if [ -z "${CUDA_PATH:-}" ] && [ -d /usr/local/cuda ]; then export CUDA_PATH=/usr/local/cuda; fi
if [ -n "${CUDA_PATH:-}" ]; then export LD_LIBRARY_PATH="$CUDA_PATH/lib64:${LD_LIBRARY_PATH:-}"; fi

if [ -n "${DRY:-}" ]; then
  step_sizes=(--side 16 --batch 2 --channels 2,4,8 --runs 2)
  peer_image=(--image 24,32,40)
  conv_sizes=(--sizes small --batch 1 --runs 2)
  window="identity 1 24 32 40 16 2"
  quick=(--epochs 1 --roi 16,16,16 --channels 2,4,8)
  set=(3 0.25)
  paper=(--roi 16,16,16 --channels 2,4,8)
else
  step_sizes=(--side 128 --batch 4 --runs 5)
  peer_image=(--image 256,512,512)
  conv_sizes=(--sizes network --batch 4 --runs 5)
  window="unet 1 256 512 512 128 4"
  quick=()
  set=(6 4)
  paper=()
fi

# step NAME SECONDS COMMAND...: runs it unless other steps are asked for or the time is spent.
asked=" $* "
step() {
  local name="$1" limit="$2" left=$((budget - SECONDS)) started=$SECONDS code=0
  shift 2
  if [ "$asked" != "  " ] && [[ "$asked" != *" ${name%%_*} "* ]]; then return; fi
  if [ "$left" -lt 5 ]; then
    echo "left out: the ${budget} s are spent" > "$out/$name.log"
    echo "left out 0" > "$out/$name.code"
    return
  fi
  if [ "$limit" -gt "$left" ]; then limit=$left; fi
  echo "== $name (at ${SECONDS} s, at most $limit s)"
  timeout -k 5 "$limit" "$@" > "$out/$name.log" 2>&1 || code=$?
  echo "$code $((SECONDS - started))" > "$out/$name.code"
  tail -n 3 "$out/$name.log" | cut -c -200
}

rm -f "$out"/*.log "$out"/*.code
machine() {
  date -u +%FT%TZ
  cat commit 2>/dev/null
  nvidia-smi --query-gpu=name,memory.total,driver_version,clocks.max.sm --format=csv 2>/dev/null
  nvcc --version 2>/dev/null | tail -n 1
  grep -m 1 'model name' /proc/cpuinfo
  nproc
  "$python" -c 'import torch; print("torch", torch.__version__, "cuDNN", torch.backends.cudnn.version())' 2>/dev/null
  bin/device "$MEDSEG_GPU"
}
export -f machine
export python
step machine 40 bash -c machine
step tests 110 bin/gpu_tests --test-threads=1
# What is compared is run in turn.
for dtype in bf16 f32; do
  step train_"$dtype" 60 bin/gpu_step "${step_sizes[@]}" --parts train --types "$dtype"
  step train_"$dtype"_torch 50 "$python" peers/gpu_step.py "${step_sizes[@]}" --device "$torch" --parts train --types "$dtype" --compile
done
export MEDSEG_BENCH_CASE="$window"
step window 60 bin/sliding_window --bench
step window_torch 50 "$python" peers/gpu_step.py "${step_sizes[@]}" "${peer_image[@]}" --device "$torch" --parts window --runs 1
unset MEDSEG_BENCH_CASE
if [ -x bin/gpu_conv3d ]; then
  step conv 70 bin/gpu_conv3d "${conv_sizes[@]}"
  step conv_torch 30 "$python" peers/gpu_conv3d.py "${conv_sizes[@]}" --device "$torch"
fi
step one 60 bin/one_stage --device "$MEDSEG_GPU" --out "$out/runs/one_stage" "${quick[@]}"
step two 80 bin/two_stage --device "$MEDSEG_GPU" --out "$out/runs/two_stage" "${quick[@]}"
step set 60 bin/data "$out/set" "${set[@]}"
# Two epochs, since kernels are chosen in the first; cases are read, prepared and cropped as in the experiments.
step paper 90 bin/one_stage --device "$MEDSEG_GPU" --data "$out/set" --preset paper --stage fine --epochs 2 --out "$out/runs/paper" "${paper[@]}"
step forward 40 bin/gpu_step "${step_sizes[@]}" --parts forward
step forward_torch 30 "$python" peers/gpu_step.py "${step_sizes[@]}" --device "$torch" --parts forward
"$python" report.py "$out" > "$out/report.md" || cat "$out"/*.log > "$out/report.md"
echo "$out/report.md after $SECONDS s"
