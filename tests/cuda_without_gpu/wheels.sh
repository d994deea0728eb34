#!/usr/bin/env bash
# Fetches NVIDIA's compiler, headers and assembler (CUDA 13.0) by pip into a folder: wheels.sh FOLDER
# Prints the toolkit's path. Versions and sums are fixed; what does not match is not unpacked. 180 MB, 355 MB unpacked.
set -euo pipefail
folder="$1"
toolkit="$folder/toolkit-13.0.88/nvidia/cu13"

# The same line for each: package, version, SHA-256 of the wheel for x86-64.
wheels() {
  cat << 'LINES'
nvidia-cuda-nvrtc 13.0.88 ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575
nvidia-cuda-runtime 13.0.96 7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548
nvidia-cuda-cccl 13.0.85 e0da7ad981f3a8aff08241b5bfc1af868742a63e2762f53a5171c492ef242649
nvidia-cuda-crt 13.0.88 2c8043c7c9e02492716426e9919fc78d2c5b3b2a7a768a88e952676b08aa55a4
nvidia-cuda-nvcc 13.0.88 56fe502eb77625a12f25172caa3cdddb4e4c8ba2c8c17dba44b164761b380f03
LINES
}

if [ ! -d "$toolkit/include" ]; then
  mkdir -p "$folder"
  work="$(mktemp -d "$folder/wheels.XXXXXX")"
  trap 'rm -rf "$work"' EXIT
  wheels | while read -r package version sum; do echo "$package==$version --hash=sha256:$sum"; done > "$work/requirements.txt"
  python3 -m pip download -q --no-deps --only-binary :all: --platform manylinux2014_x86_64 --platform manylinux2010_x86_64 \
    --python-version 3 --require-hashes -r "$work/requirements.txt" -d "$work" >&2
  wheels | while read -r package version sum; do
    echo "$sum  $(ls "$work/${package//-/_}-$version"-*.whl)"
  done | sha256sum --check --quiet >&2
  for wheel in "$work"/*.whl; do python3 -m zipfile -e "$wheel" "$work/unpacked"; done
  chmod +x "$work"/unpacked/nvidia/cu13/bin/*
  # In one step: a folder that is there is complete. Another process may have been first.
  mv -T "$work/unpacked" "${toolkit%/nvidia/cu13}" 2> /dev/null || test -d "$toolkit/include"
fi
echo "$toolkit"
