"""Optuna's samplers on SpikeNAS-Bench, as `cargo bench --bench spikenas` runs ours; prints the same table.

    TUNE_BENCHMARKS_DIR=... python spikenas.py [--samplers tpe,nsga2,gp,random] [--seeds 20] [--trials 200]

The sampler `gp` needs PyTorch. One metric: validation accuracy. Two: accuracy and mean firing rate.
"""

import argparse
import csv
import gzip
import os
import pathlib
import statistics
import sys

import optuna

EDGES, OPERATIONS = 6, 5
REFERENCE = (80.0, 0.6)
CHECKPOINTS = [50, 100, 200]


def read():
    """Validation accuracy and firing rate, by the number of the network."""
    folder = os.environ.get("TUNE_BENCHMARKS_DIR") or sys.exit("TUNE_BENCHMARKS_DIR is not set")
    table = {}
    with gzip.open(pathlib.Path(folder) / "spikenas/spikenas_cifar10.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            rate = row["mean_firing_rate"]
            rate = float(rate) if rate and rate != "nan" else 1.0
            table[int(row["arch"])] = (float(row["best_val"]), rate)
    return table


def hypervolume(found):
    """The area above the reference accuracy and below the reference rate that `found` dominates."""
    area, rate = 0.0, REFERENCE[1]
    for accuracy, spikes in sorted(found, key=lambda pair: (-pair[0], pair[1])):
        if accuracy > REFERENCE[0] and spikes < rate:
            area += (accuracy - REFERENCE[0]) * (rate - spikes)
            rate = spikes
    return area


def sampler(name, seed):
    samplers = optuna.samplers
    if name == "nsga2":
        return samplers.NSGAIISampler(population_size=20, seed=seed)
    by_name = {"tpe": samplers.TPESampler, "gp": samplers.GPSampler, "random": samplers.RandomSampler}
    return by_name[name](seed=seed)


def study(table, name, seed, trials, front):
    """The result at each checkpoint."""
    directions = ["maximize", "minimize"] if front else ["maximize"]
    searched = optuna.create_study(directions=directions, sampler=sampler(name, seed))
    whole = hypervolume(table.values())
    seen, results = [], []
    for count in range(1, trials + 1):
        trial = searched.ask()
        edges = [trial.suggest_categorical(f"edge_{edge}", list(range(OPERATIONS))) for edge in range(EDGES)]
        found = table.get(sum(edge * OPERATIONS**at for at, edge in enumerate(edges)), (0.0, 1.0))
        searched.tell(trial, list(found) if front else found[0])
        seen.append(found)
        if count in CHECKPOINTS:
            results.append(hypervolume(seen) / whole if front else max(pair[0] for pair in seen))
    return results


def text(results):
    columns = zip(CHECKPOINTS, zip(*results))
    error = lambda column: statistics.stdev(column) / len(column) ** 0.5 if len(column) > 1 else 0.0
    return "   ".join(f"{count:4}: {statistics.mean(column):.4f} ± {error(column):.4f}" for count, column in columns)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samplers", default="tpe,nsga2,random")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=200)
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    table = read()
    for name in args.samplers.split(","):
        for front in [False, True]:
            results = [study(table, name, seed, args.trials, front) for seed in range(args.seeds)]
            what = "share of the volume" if front else "best accuracy"
            print(f"{name:10} {what:19} {text(results)}", flush=True)


if __name__ == "__main__":
    main()
