#!/usr/bin/env bash
# The tests of the CUDA path on a machine without a GPU: check.sh [--quick] [--jobs N] [PROGRAM]
#
# PROGRAM is gpu_tests, built with the feature `cuda`; without it, cargo builds it. Prints a table of what passed, and why not.
#   --quick   a few minutes, for .ci/run: values of kernels with TMA, cp.async and wmma.
# Else all of gpu_tests for three cards, and tuning forced to each family of kernels, with TF32 rounded and exact. Then threads
# in a shuffled order, and tuning whose candidates run. Then NVRTC and ptxas for other cards.
# SEED=N varies what tuning takes and the order of threads; a nightly run should.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
quick="" jobs="$(nproc)" program=""
while [ $# -gt 0 ]; do
  case "$1" in
    --quick) quick=1 ;;
    --jobs) jobs="$2"; shift ;;
    *) program="$1" ;;
  esac
  shift
done

if [ -z "$program" ]; then
  # The features that .ci/run takes, so that Burn is not built anew.
  program="$(cd "$here/../.." && CUDARC_CUDA_VERSION=13000 cargo test --locked --features cuda,webgpu --test gpu_tests --no-run \
    --message-format=json | sed -n 's/.*"executable":"\([^"]*gpu_tests[^"]*\)".*/\1/p' | tail -n 1)"
fi

# Does it see errors? This builds the stand-ins too.
"$here/self_test.sh"

if [ "$quick" ]; then
  exec "$here/run_tests.py" --jobs "$jobs" "$program" \
    "90:prefer=tma,mma:nvrtc=run:order=1:topics=conv:tests=joined,kernels_of_three" \
    "90:prefer=tma,mma:exact:nvrtc=run:order=1:topics=network:tests=training,half_precision" \
    "86:prefer=cp.async,mma:nvrtc=run:order=1:topics=conv:tests=joined,kernels_of_three,products_in_bf16" \
    "80:prefer=wmma:nvrtc=run:order=1:topics=conv:tests=joined,products_in_bf16" \
    "86:nvrtc=run:topics=norm,pool,upsample,window"
fi

seed="${SEED:-1}"
echo "seed $seed"
# Tests of products of matrices. The memory that a step keeps depends on no family.
products="topics=conv,network,checkpointing,losses:without=a_step_keeps"
configurations=()
for arch in 80 86 90; do
  families=(mma wmma cp.async,mma cp.async,wmma)
  if [ "$arch" -ge 90 ]; then families+=(tma,mma tma,wmma); fi
  for exact in "" ":exact"; do
    configurations+=("$arch$exact:seed=$seed")
    for family in "${families[@]}"; do configurations+=("$arch:prefer=$family$exact:seed=$seed:$products"); done
  done
done
configurations+=("86:exact:order=$seed:seed=$seed" "90:exact:order=$seed:seed=$seed")
# Candidates of tuning run too, and so show their faults, if not their values.
configurations+=("86:exact:run=all:topics=conv" "90:exact:run=all:topics=conv")
status=0
"$here/run_tests.py" --jobs "$jobs" "$program" "${configurations[@]}" || status=1

echo
"$here/compile_all.py" --jobs "$jobs" sm_80 sm_86 sm_89 sm_90a sm_120a || status=1
exit "$status"
