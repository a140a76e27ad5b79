"""Measures the training time that `--fidelity` saves, beside a study of whole trials.

A *whole study* trains every trial to its end. The script prints for each seed:

- the share of the whole study's training time until a complete trial equals its best value;
- the winner after a quarter of that time. The best of a hundred measurements is a lucky one, so
  fresh seeds choose and judge winners. The best of three trials is that with the best mean of
  three seeds; its printed accuracy is the mean of some more;
- with `--ceiling N`, a bound for any search: the expected share of a search that trains only the
  best network of both studies, from its first second on. Half of N trainings choose the network
  that would meet the whole study's best soonest. The other half measure it, and then the halves
  change places.

    cargo build --release
    python3 benches/fidelity.py --dataset digits --space configs/small-images.json --fidelity bayes

A time is that between the events of `--json` that begin and end a segment of a trial, with one
worker. Times of the search itself are left out. The column "whole study" is the share that the
whole study needs to reach its own best.
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
BEGINS = {"trial_started", "trial_resumed"}
ENDS = {"trial_paused", "trial_finished"}
# Share of the whole study's time at which winners are compared.
QUARTER = 0.25
# Number of confirmed trials, and of fresh seeds for each.
CANDIDATES, SEEDS = 3, 3


class Study:
    """A study, read from its events."""

    def __init__(self, tune, folder, options, is_enough=lambda study: False):
        files = ["--storage", folder / "study.db", "--out", folder / "best.json"]
        command = [tune, *files, "--confirm", "0", "--json", *options]
        # Trials: (seconds by then, epochs by then, value, point, attributes).
        self.seconds, self.epochs, self.trials = 0.0, 0, []
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        points, begun = {}, None
        for line in process.stdout:
            event, now = json.loads(line), time.monotonic()
            kind = event["event"]
            self.epochs += kind == "trial_reported"
            if kind == "trial_started":
                points[event["trial"]] = event["point"]
            if kind in BEGINS:
                begun = now
            elif kind in ENDS and begun is not None:
                self.seconds, begun = self.seconds + now - begun, None
                if kind == "trial_finished" and event["state"] == "complete":
                    trial = self.seconds, self.epochs, event["values"][0], points[event["trial"]], event["attributes"]
                    self.trials.append(trial)
                if is_enough(self):
                    process.kill()
                    process.wait()
                    return
        if process.wait():
            raise SystemExit(f"tune ended with {process.returncode}")

    def best(self):
        return max(value for _, _, value, *_ in self.trials)

    def reached(self, value):
        """Seconds and epochs until a trial reached `value`, or of the whole study if none did."""
        found = ((seconds, epochs, True) for seconds, epochs, other, *_ in self.trials if other >= value)
        return next(found, (self.seconds, self.epochs, False))

    def candidates(self, seconds):
        """The points of the best trials up to that time."""
        trials = sorted((trial for trial in self.trials if trial[0] <= seconds), key=lambda trial: -trial[2])
        return [point for *_, point, _ in trials[:CANDIDATES]]


def trainings(args, common, points, count):
    """For each of `points`: the seconds of a training, and `count` values with fresh seeds."""
    space = json.loads(args.space.read_text()) | {"start": points}
    space.pop("$schema", None)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "space.json").write_text(json.dumps(space))
        options = ["--space", folder / "space.json", "--budget", str(len(points) + 1), "--replicates", str(count)]
        trials = Study(args.tune, folder, [*common, *options]).trials
    seconds = [(after[0] - before[0]) / count for before, after in zip(trials, trials[1:])]
    # The first trial is the default point.
    values = [[value[0] if isinstance(value, list) else value for value in trial[-1]["replicates"]] for trial in trials[1:]]
    return list(zip(seconds, values))


def winner(args, common, candidates):
    """The mean of the winner of `candidates` over fresh seeds that did not choose it."""
    if not candidates:
        return math.nan  # no trial was complete at that time
    values = [values for _, values in trainings(args, common, candidates, SEEDS + args.fresh)]
    return statistics.mean(max(values, key=lambda of: statistics.mean(of[:SEEDS]))[SEEDS:])


def ceiling(args, common, candidates, best):
    """Expected seconds until a search that trains only one of `candidates` reaches `best`."""
    points = [point for at, point in enumerate(candidates) if point not in candidates[:at]]
    half, seconds, hits = args.ceiling // 2, 0.0, 0

    def met(values):
        return sum(value >= best for value in values)

    trained = trainings(args, common, points, args.ceiling)
    for chosen_by, told_by in [(slice(half), slice(half, None)), (slice(half, None), slice(half))]:
        each, values = max(trained, key=lambda of: (met(of[1][chosen_by]) / of[0], statistics.mean(of[1])))
        seconds, hits = seconds + each * len(values[told_by]), hits + met(values[told_by])
    return seconds / hits if hits else math.inf


def compare(args, seed):
    """A row of the table, and its numbers for the means."""
    common = ["--dataset", args.dataset, "--seed", str(seed)]
    with tempfile.TemporaryDirectory() as folder:
        options = ["--space", args.space, "--budget", str(args.trials)]
        whole = Study(args.tune, pathlib.Path(folder), [*common, *options])
    best, quarter = whole.best(), QUARTER * whole.seconds

    def is_enough(study):
        return study.seconds >= quarter and (study.reached(best)[2] or study.seconds >= args.most * whole.seconds)

    with tempfile.TemporaryDirectory() as folder:
        options = ["--space", args.space, "--budget", str(args.points), "--fidelity", args.fidelity]
        parts = Study(args.tune, pathlib.Path(folder), [*common, *options], is_enough)
    (at, epochs, is_reached), (own, *_) = parts.reached(best), whole.reached(best)
    shares = at / whole.seconds, epochs / whole.epochs, own / whole.seconds
    winners = []
    if args.fresh:
        winners = [winner(args, common, study.candidates(until)) for study, until in [(parts, quarter), (whole, whole.seconds)]]
    text = f"{shares[0]:.2f}" if is_reached else f"({shares[0]:.2f})"
    row = [seed, f"{best:.4f}", f"{whole.seconds:.1f}", text, f"{shares[1]:.2f}", f"{shares[2]:.2f}"]
    row += [f"{mean:.4f}" for mean in winners]
    if not args.ceiling:
        return row, [*shares, *winners]
    candidates = [point for study in (parts, whole) for point in study.candidates(study.seconds)]
    least = ceiling(args, common, candidates, best) / whole.seconds
    return [*row, f"{least:.2f}"], [*shares, *winners, least]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tune", type=pathlib.Path, default=ROOT / "target" / "release" / "tune")
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--space", type=pathlib.Path, default=ROOT / "configs" / "small-images.json")
    parser.add_argument("--fidelity", default="bayes")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--trials", type=int, default=100, help="trials of the whole study")
    parser.add_argument("--points", type=int, default=800, help="points of the other study at most")
    parser.add_argument("--most", type=float, default=2.0, help="share of the whole study's time at which the other ends")
    parser.add_argument("--fresh", type=int, default=16, help="seeds of a winner's mean; 0: no winners")
    parser.add_argument("--ceiling", type=int, default=0, help="trainings of each candidate network; 0: no ceiling")
    args = parser.parse_args()
    head = ["seed", "best", "seconds", "share", "share of epochs", "whole study"]
    head += ["winner at 1/4", "winner of the whole"] if args.fresh else []
    head += ["ceiling"] if args.ceiling else []
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    rows = []
    for seed in args.seeds:
        row, numbers = compare(args, seed)
        rows.append(numbers)
        print("| " + " | ".join(map(str, row)) + " |", flush=True)
    print("means: " + ", ".join(f"{statistics.mean(column):.4f}" for column in zip(*rows)))


if __name__ == "__main__":
    main()
