#!/usr/bin/env bash
# Builds what measure.sh runs, here, where there is no GPU, and packs it: benches/gpu/build.sh [FEATURES] [ARCHIVE].
# FEATURES is cuda if not given (cuda,webgpu tries the script out on any machine; PROFILE=dev builds sooner). On the machine
# with the GPU:
#   tar xJf ARCHIVE && medseg-gpu/measure.sh tests      (then step, conv, window, presets)
set -euo pipefail
cd "$(dirname "$0")/../.."
features="${1:-cuda}"
archive="${2:-medseg-gpu.tar.xz}"
profile="${PROFILE:-release}"
# Which CUDA the bindings are of where no toolkit is installed.
export CUDARC_CUDA_VERSION="${CUDARC_CUDA_VERSION:-13000}"
examples=(device data one_stage two_stage)
benches=(gpu_step gpu_conv3d sliding_window)

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
out="$folder/medseg-gpu"
mkdir -p "$out/bin"

# Cargo tells each program's path: name and executable, one a line.
built() {
  cargo "$@" --locked --features "$features" --message-format json-render-diagnostics |
    python3 -c '
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if message.get("executable"):
        print(message["target"]["name"], message["executable"])'
}
{
  built build --profile "$profile" $(printf -- ' --example %s' "${examples[@]}")
  built bench --no-run --profile "${PROFILE:-bench}" $(printf -- ' --bench %s' "${benches[@]}")
  built test --profile "$profile" --no-run --test gpu_tests
} | while read -r name path; do
  cp "$path" "$out/bin/$name"
  strip "$out/bin/$name"
done

cp benches/gpu/measure.sh benches/gpu/report.py "$out/"
cp -r benches/peers "$out/peers"
# Golden values that tests read.
find crates -path '*/tests/golden/*' -type f -exec cp --parents {} "$out" \;
git rev-parse HEAD > "$out/commit"
# The programs hold the same libraries: a dictionary larger than all of them halves the archive (73 MiB to 35).
tar -C "$folder" -c medseg-gpu | xz -T1 --lzma2=preset=6,dict=384MiB > "$archive"
ls -l "$archive"
