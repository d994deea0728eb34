#!/bin/sh
# Kills a training run at ten random moments, resumes it each time, and compares what it leaves with an uninterrupted run.
#
#   tests/kill_and_resume.sh FOLDER [KILLS [OPTION ...]]
#
# FOLDER is made anew and holds two runs of `medseg train two-stage`, `whole` and `killed`. Options go to it; without
# any, a small experiment on the phantom set is run. Kills are spread over the time that the uninterrupted run took, every
# third one waits for a checkpoint that is being written. Exit code 0 only if history (but for the last column, the seconds),
# best weights, masks and metrics (but for the seconds) are equal bit for bit. The last checkpoint is not compared as a file, since
# Burn writes new names of its parameters into it; what it holds shows in all epochs after it.
set -eu
folder=$1
kills=${2:-10}
shift; [ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- --epochs 6 --channels 4,8,16,32 --roi 32 --set coarse.validate_every=2 --set fine.validate_every=2
cargo build --quiet --bin medseg
medseg=${CARGO_TARGET_DIR:-target}/debug/medseg
rm -rf "$folder"
mkdir -p "$folder"

started=$(date +%s%N)
"$medseg" train two-stage --device cpu --out "$folder/whole" "$@" 2>"$folder/whole.log"
milliseconds=$((($(date +%s%N) - started) / 1000000))
echo "uninterrupted: $milliseconds ms"

kill=1
while [ "$kill" -le "$kills" ]; do
    "$medseg" train two-stage --device cpu --out "$folder/killed" --resume "$@" 2>>"$folder/killed.log" &
    process=$!
    # From 0.3 s to a sixth of the whole run: ten waits together are about as long as it.
    wait_ms=$((300 + $(od -An -N4 -tu4 /dev/urandom) % (milliseconds / 6)))
    sleep "$(printf '%d.%03d' $((wait_ms / 1000)) $((wait_ms % 1000)))"
    where="after $wait_ms ms"
    if [ $((kill % 3)) -eq 0 ]; then
        tries=0
        while [ "$tries" -lt 3000 ] && kill -0 "$process" 2>/dev/null && ! ls -d "$folder"/killed/*/last.new >/dev/null 2>&1; do
            tries=$((tries + 1))
            sleep 0.002
        done
        ls -d "$folder"/killed/*/last.new >/dev/null 2>&1 && where="$where, while a checkpoint was written"
    fi
    if kill -9 "$process" 2>/dev/null; then alive=running; else alive=finished; fi
    wait "$process" 2>/dev/null || true
    epochs=$(cat "$folder"/killed/coarse/history.csv "$folder"/killed/fine/history.csv 2>/dev/null | grep -c '^[0-9]' || true)
    echo "kill $kill: $alive $where; $epochs epochs in the histories"
    kill=$((kill + 1))
done
"$medseg" train two-stage --device cpu --out "$folder/killed" --resume "$@" 2>>"$folder/killed.log"

different=0
same() {
    if cmp -s "$folder/whole/$1" "$folder/killed/$1"; then return; fi
    echo "different: $1"
    different=1
}
# Without the last column, the wall time.
same_but_seconds() {
    for run in whole killed; do sed 's/,[^,]*$//' "$folder/$run/$1" >"$folder/$run.columns"; done
    if cmp -s "$folder/whole.columns" "$folder/killed.columns"; then return; fi
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
