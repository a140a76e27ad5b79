"""Searches where a metric or a constraint is known before training: the cores of topologies on loihi1.

    python3 benches/known_metrics.py [--tune target/release/tune] [--search bayes] [--seeds 6] [--trials 25]

For each seed the script prints, of a study of accuracy and cores, the volume of its front beyond an accuracy
of 0.9 and 12 cores (percent of accuracy times nepers of cores), and of a study with `cores<=4`, the best accuracy and how
many trials broke the constraint. Then the means with their standard errors, and the median time of a
suggestion: from the end of a trial to the start of the next, on one thread.
"""

import argparse
import json
import math
import pathlib
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).parent.parent
LEAST_ACCURACY, MOST_CORES, LIMIT = 0.9, 12.0, 4
# Trials that no model suggests.
DESIGN = 5


def study(args, seed, goals):
    """The accuracy and cores of each complete trial, and the seconds of each suggestion of a model."""
    with tempfile.TemporaryDirectory() as folder:
        files = ["--storage", f"{folder}/study.db", "--out", f"{folder}/best.json"]
        options = ["--dataset", "digits", "--space", ROOT / "configs/topologies.json", "--chip", "loihi1", "--confirm", "0"]
        options += ["--search", args.search, "--budget", str(args.trials), "--seed", str(seed), "--threads", "1"]
        command = [args.tune, *files, *options, *goals, "--json", "--quiet"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        values, seconds, ended = [], [], None
        for line in process.stdout:
            event, now = json.loads(line), time.monotonic()
            if event["event"] == "trial_started" and ended is not None and event["trial"] >= DESIGN:
                seconds.append(now - ended)
            if event["event"] == "trial_finished":
                ended = now
                if event["state"] == "complete":
                    values.append((event["values"][0], event["attributes"]["cores"]))
        if process.wait() != 0:
            raise SystemExit(f"tune failed: {command}")
    return values, seconds


def volume(values):
    """What the front of accuracies and cores dominates."""
    total, best = 0.0, LEAST_ACCURACY
    for cores, accuracy in sorted((cores, -accuracy) for accuracy, cores in values if cores < MOST_CORES):
        gain = max(-accuracy - best, 0.0)
        total, best = total + 100 * gain * math.log(MOST_CORES / cores), best + gain
    return total


def show(name, rows):
    """Prints the mean of `rows` with its standard error."""
    error = statistics.stdev(rows) / len(rows) ** 0.5 if len(rows) > 1 else math.nan
    print(f"{name}: {statistics.mean(rows):.4f} +- {error:.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tune", type=pathlib.Path, default=ROOT / "target/release/tune")
    parser.add_argument("--search", default="bayes")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--trials", type=int, default=25)
    args = parser.parse_args()
    volumes, accuracies, broken, seconds = [], [], [], []
    for seed in range(args.seeds):
        values, took = study(args, seed, ["--metric", "accuracy", "--metric", "cores"])
        volumes.append(volume(values))
        seconds += took
        values, _ = study(args, seed, ["--metric", "accuracy", "--constraint", f"cores<={LIMIT}"])
        kept = [accuracy for accuracy, cores in values if cores <= LIMIT]
        accuracies.append(max(kept))
        broken.append(args.trials - len(kept))
        print(f"seed {seed}: volume {volumes[-1]:.2f}, accuracy {accuracies[-1]:.4f}, broken {broken[-1]}", flush=True)
    show("volume", volumes)
    show("accuracy with the constraint", accuracies)
    show("trials that break it or fail", broken)
    print(f"a suggestion: {statistics.median(seconds):.2f} s")


if __name__ == "__main__":
    main()
