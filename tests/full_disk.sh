#!/bin/bash
# Trains on a disk that is too small, makes it a little larger each time it is full, and compares what is left at the end with
# a run that always had room.
#
#   tests/full_disk.sh FOLDER [OPTION ...]
#
# FOLDER is made anew and holds two runs of `medseg train two-stage`, `whole` and `small`, the latter on a file system in memory
# (tmpfs). Mounting it takes root, or a user namespace where the system allows one. Options go to it; without any, a
# small experiment on the phantom set is run. The disk grows by 2 MiB until the phantom set nearly fits, then by 24 KiB, and by
# 192 KiB for the report, so that it is full while checkpoints, predictions, overlays and the report are written. Exit code 0 only if every stop ended with
# code 1 and one line that names a file, with a good checkpoint of the last finished epoch, and the finished run is equal bit for
# bit to the other: history (but for the last column, the seconds), best weights, masks, metrics (but for the seconds).
set -eu
if [ "$(id -u)" -ne 0 ]; then exec unshare --map-root-user --mount "$0" "$@"; fi
folder=$1
shift
[ $# -gt 0 ] || set -- --epochs 2 --channels 4,8,16 --roi 32 --set coarse.validate_every=1 --set fine.validate_every=1
cargo build --quiet --bin medseg
medseg=${CARGO_TARGET_DIR:-target}/debug/medseg
rm -rf "$folder"
mkdir -p "$folder/small"
"$medseg" train two-stage --device cpu --out "$folder/whole" "$@" 2>"$folder/whole.log"

kib=1024
mount -t tmpfs -o "size=${kib}k" full_disk "$folder/small"
trap 'umount "$folder/small"' EXIT
failed() {
    echo "$1"
    tail -n 5 "$folder/small.log"
    exit 1
}
epochs() { cat "$folder/small/$1/history.csv" 2>/dev/null | grep -c '^[0-9]' || true; }
stops=0
: >"$folder/stops"
while :; do
    before=$(epochs coarse)/$(epochs fine)
    code=0
    "$medseg" train two-stage --device cpu --out "$folder/small" --resume "$@" 2>"$folder/small.log" || code=$?
    [ "$code" -eq 0 ] && break
    stops=$((stops + 1))
    [ "$code" -eq 1 ] || failed "exit code $code at $kib KiB"
    [ "$(grep -c '^error: .*No space left on device' "$folder/small.log")" -eq 1 ] || failed "no clear message at $kib KiB"
    grep -q "^error: .*$folder/small/" "$folder/small.log" || failed "no file is named at $kib KiB"
    if grep -q 'panicked\|is damaged' "$folder/small.log"; then failed "panic or damage at $kib KiB"; fi
    find "$folder/small" -name '*.part' -o -name '*.tmp' -o -name 'last.new' >"$folder/left"
    [ ! -s "$folder/left" ] || failed "left behind at $kib KiB: $(cat "$folder/left")"
    # What has been reached is not lost: the histories never get shorter.
    after=$(epochs coarse)/$(epochs fine)
    [ "${after%/*}" -ge "${before%/*}" ] && [ "${after#*/}" -ge "${before#*/}" ] || failed "epochs lost: $before, then $after"
    sed -n "s|^error: |$kib KiB, epochs $after: |p" "$folder/small.log" | sed "s|$folder/small/||g" | tee -a "$folder/stops"
    step=24
    [ -f "$folder/small/config.json" ] || [ "$(find "$folder/small/phantom/label" -name '*.nii.gz' | wc -l)" -ge 23 ] || step=2048
    [ ! -f "$folder/small/metrics.csv" ] || step=192
    kib=$((kib + step))
    mount -o "remount,size=${kib}k" "$folder/small"
done
echo "finished at $kib KiB after $stops stops"

different=0
same() {
    if cmp -s "$folder/whole/$1" "$folder/small/$1"; then return; fi
    echo "different: $1"
    different=1
}
# Without the last column, the wall time.
same_but_seconds() {
    for run in whole small; do sed 's/,[^,]*$//' "$folder/$run/$1" >"$folder/$run.columns"; done
    if cmp -s "$folder/whole.columns" "$folder/small.columns"; then return; fi
    echo "different: $1"
    different=1
}
for stage in coarse fine; do
    same_but_seconds "$stage/history.csv"
    same "$stage/best.safetensors"
done
same_but_seconds metrics.csv
for mask in "$folder"/whole/predictions/*; do same "predictions/$(basename "$mask")"; done
[ "$different" -eq 0 ] && echo "equal: histories, weights, masks, metrics"
exit "$different"
