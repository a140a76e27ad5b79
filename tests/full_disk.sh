#!/usr/bin/env bash
# A study on a disk that is full, by hand: in a small file system in memory, `tune run` and `tune worker` must each say
# so in one line and end with 5, every finished trial must be there, and with more room all go on to the end; and so
# must a study whose states of paused trials have no room. Needs root, to mount.
#
#     cargo build --release && sudo tests/full_disk.sh
set -euo pipefail
cd "$(dirname "$0")/.."
tune=${TUNE:-$PWD/target/release/tune}
work=$(mktemp -d)
disk=$work/disk
mkdir "$disk"
end() { umount "$disk" 2>/dev/null || true; rm -rf "$work"; }
trap end EXIT
mount -t tmpfs -o size=2m tmpfs "$disk"
room() { mount -o "remount,size=$1" "$disk"; }

budget=500
echo '{"name": "line", "parameters": {"x": {"type": "float", "low": 0, "high": 1}}}' >"$work/space.json"
run=("$tune" run --command "echo '{{\"value\": 1}}'" --space "$work/space.json" --search random
  --study full --budget $budget --storage "$disk/tune.db" --out "$work/best.json" --quiet)
worker=("$tune" worker --storage "$disk/tune.db" --quiet --heartbeat 0.5s --grace 3s)
complete() { "$tune" status --storage "$disk/tune.db" --json | sed 's/.*"complete":\([0-9]*\).*/\1/;t;s/.*/0/'; }

# refused CODE WORDS COMMAND...: ends with this code and one line that has these words.
refused() {
  local expected=$1 words=$2 code=0
  shift 2
  "$@" 2>"$work/said" || code=$?
  cat "$work/said"
  [ "$code" = "$expected" ] || { echo "ended with $code, not $expected"; exit 1; }
  [ "$(wc -l <"$work/said")" = 1 ] || { echo "not one line"; exit 1; }
  grep -q "$words" "$work/said" || { echo "does not say: $words"; exit 1; }
}

refused 5 "the disk is full: free some space and resume" "${run[@]}"
first=$(complete)
[ "$first" -gt 0 ] && [ "$first" -lt $budget ] || { echo "$first trials complete"; exit 1; }
refused 5 "the disk is full: free some space and resume" "${worker[@]}"
[ "$(complete)" -ge "$first" ] || { echo "finished trials are gone"; exit 1; }
echo "full: $first of $budget trials are complete"

room 20m
"${worker[@]}"
"${run[@]}"
[ "$(complete)" = $budget ] || { "$tune" status --storage "$disk/tune.db"; exit 1; }
echo "with more room: all $budget are"

# Paused trials, whose states are on the full disk and whose study is elsewhere.
cat >"$work/small.json" <<'SPACE'
{"name": "small", "parameters": {"width_1": {"type": "int", "low": 200, "high": 400},
 "method": {"type": "fixed", "value": "surrogate"}, "epochs": {"type": "fixed", "value": 9}}}
SPACE
rm -rf "${disk:?}"/*
room 1m
pausing=("$tune" --dataset digits --offline --space "$work/small.json" --budget 9 --fidelity asha --confirm 0
  --states "$disk/states" --storage "$work/paused.db" --out "$work/paused.json" --quiet)
refused 1 "cannot write the checkpoint of a trial" "${pausing[@]}"
room 20m
"${pausing[@]}"
echo "full disk: nothing is lost"
