#!/usr/bin/env bash
# Measures the throughput of many `tune worker` processes at one study of a command that only waits.
# quick: trials per second of 16 workers, with random search and a command that ends at once.
# busy: the busy time of 64 workers, with the Gaussian process and a command of ten seconds.
#
#     cargo build --release && benches/workers.sh STORAGE [quick|busy]
#
# STORAGE is the file of a new database, or the address of an empty one. PGPASSFILE names the file of
# its password. TRIALS, WORKERS and SECONDS_EACH change the numbers.
set -euo pipefail
cd "$(dirname "$0")/.."
tune=${TUNE:-$PWD/target/release/tune}
export TUNE_STORAGE=$1
what=${2:-all}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Ten parameters, about as many as a network has.
parameters=$(for index in $(seq 0 9); do printf '"x%d": {"type": "float", "low": 0, "high": 1}, ' "$index"; done)
printf '{"name": "floats", "parameters": {%s}}' "${parameters%, }" >"$work/space.json"
cat >"$work/trial.sh" <<'TRIAL'
sleep "$1"
echo "{\"value\": $2}"
TRIAL

# crowd NAME WORKERS TRIALS SECONDS SEARCH: runs a study, prints its trials and its seconds.
crowd() {
  "$tune" run --command "sh $work/trial.sh $4 {x0}" --space "$work/space.json" --search "$5" \
    --study "$1" --budget "$3" --prepare >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  for _ in $(seq "$2"); do "$tune" worker --study "$1" --quiet & done
  wait
  "$tune" export jsonl --study "$1" | python3 -c '
import datetime, json, sys
trials = [json.loads(line) for line in sys.stdin]
assert all(trial["state"] == "complete" for trial in trials), "not all are complete"
moment = lambda text: datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
begin = min(moment(trial["started"]) for trial in trials)
end = max(moment(trial["finished"]) for trial in trials)
print(len(trials), end - begin)'
}

if [ "$what" != busy ]; then
  workers=${WORKERS:-16} trials=${TRIALS:-2000}
  read -r count seconds <<<"$(crowd quick "$workers" "$trials" 0 random)"
  echo "$workers workers, random search, a command that ends at once: $(python3 -c "print(f'{$count / $seconds:.0f}')") trials/s"
fi
if [ "$what" != quick ]; then
  workers=${WORKERS:-64} trials=${TRIALS:-640} takes=${SECONDS_EACH:-10}
  read -r count seconds <<<"$(crowd busy "$workers" "$trials" "$takes" bayes)"
  echo "$workers workers, bayes, $count trials of $takes s: $(python3 -c "print(f'{$seconds:.1f} s, busy {100 * $count * $takes / $workers / $seconds:.1f} %')")"
fi
