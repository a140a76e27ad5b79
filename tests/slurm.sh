#!/usr/bin/env bash
# A study on a real Slurm, by hand: sets up slurmctld, slurmd and munge on this machine in a folder of their own,
# and a PostgreSQL server; starts an array of four workers, kills one, cancels a job and submits it again, and does the same with
# srun; every trial of the budget must be complete. Needs root, and Debian's packages slurm-wlm, munge and postgresql.
#
#     cargo build --release && sudo tests/slurm.sh
set -euo pipefail
cd "$(dirname "$0")/.."
tune=${TUNE:-$PWD/target/release/tune}
work=$(mktemp -d)
chmod 755 "$work"
pids=()
end() {
  scancel --quiet --name=tune-storm 2>/dev/null || true
  su postgres -s /bin/sh -c "$tune db stop --dir $work/db/server" >/dev/null 2>&1 || true
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap end EXIT

# Slurm.
if ! munge -n </dev/null >/dev/null 2>&1; then
  mkdir -p /run/munge && chown munge: /run/munge
  [ -f /etc/munge/munge.key ] || { dd if=/dev/urandom of=/etc/munge/munge.key bs=1k count=1 status=none; chown munge: /etc/munge/munge.key; chmod 400 /etc/munge/munge.key; }
  su munge -s /bin/sh -c munged
  pids+=("$(pgrep -u munge -x munged)")
fi
export SLURM_CONF=$work/slurm.conf
mkdir "$work/state" "$work/spool"
cat >"$SLURM_CONF" <<CONF
ClusterName=test
SlurmctldHost=$(hostname)(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmdParameters=config_overrides
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
KillWait=5
NodeName=$(hostname) NodeAddr=127.0.0.1 CPUs=8 RealMemory=4000
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
slurmctld -D >/dev/null 2>&1 & pids+=($!)
slurmd -D >/dev/null 2>&1 & pids+=($!)
for _ in $(seq 100); do sinfo -h -t idle 2>/dev/null | grep -q idle && break; sleep 0.2; done
sinfo -h -t idle | grep -q idle || { echo "slurm does not come up:"; tail -n 5 "$work"/*.log; exit 1; }

# PostgreSQL.
install -d -o postgres "$work/db"
storage=$(su postgres -s /bin/sh -c "$tune db start --dir $work/db/server --port 54329")
cp "$work/db/server/pgpass" "$work/pgpass"
chmod 600 "$work/pgpass"
export PGPASSFILE=$work/pgpass TUNE_STORAGE=${storage/@*:/@127.0.0.1:}

# The study.
budget=200
echo '{"name": "line", "parameters": {"x": {"type": "float", "low": 0, "high": 1}}}' >"$work/space.json"
printf 'sleep 0.3; printf "{\\"value\\": %%s}\\n" "$1"\n' >"$work/trial.sh"
cd "$work"
"$tune" run --command "sh $work/trial.sh {x}" --space space.json --search random \
  --study storm --budget $budget --prepare
complete() { "$tune" status --study storm --json | sed 's/.*"complete":\([0-9]*\).*/\1/;t;s/.*/0/'; }
until_complete() { for _ in $(seq 1500); do [ "$(complete)" -ge "$1" ] && return; sleep 0.2; done; echo "stuck:"; exit 1; }

"$tune" launch slurm --study storm --array 4 --time 10 --worker-options '--heartbeat 0.5s --grace 3s' --submit
until_complete 20
victim=$(pgrep -f "worker --storage $TUNE_STORAGE" | head -n 1)
kill -9 "$victim"
echo "killed worker $victim"
until_complete 60
job=$(squeue -h -o '%A' --name=tune-storm -t running | tail -n 1)
scancel "$job"
echo "cancelled job $job"
"$tune" launch slurm --study storm --time 10 --worker-options '--heartbeat 0.5s --grace 3s' --submit
until_complete $budget
"$tune" status --study storm
[ "$(complete)" = $budget ] || exit 1

# The same by srun, where one task is killed.
"$tune" run --command "sh $work/trial.sh {x}" --space space.json --search random --study srun --budget $budget --prepare
complete() { "$tune" status --study srun --json | sed 's/.*"complete":\([0-9]*\).*/\1/;t;s/.*/0/'; }
srun --kill-on-bad-exit=0 --wait=0 --ntasks=4 "$tune" worker --study srun --quiet --heartbeat 0.5s --grace 3s &
step=$!
until_complete 20
victim=$(pgrep -f "worker --study srun" | tail -n 1)
kill -9 "$victim"
wait "$step" || echo "srun ends with $?, since a task was killed"
"$tune" status --study srun
[ "$(complete)" = $budget ] && echo "slurm: every trial of both budgets is complete"
