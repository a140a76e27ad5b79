"""Compares `tune` with random search and samplers of Optuna on suites of kurobako.

    cargo install kurobako && pip install optuna scipy
    python suites.py --tune ../../target/release/tune --suites auc nonparametric zdt --repeats 20

The table shows mean rank, firsts and Wilcoxon's test. The result of a study is its lowest value. With
two metrics it is the negative hypervolume of its front below the reference point of the problem. If
no study reaches the reference point, the worst of all values takes its place.

The result of a solver on a problem is the median over the repeats, with the seeds from --seed on.
Solvers are ranked for each problem; equal results share their ranks. The test compares the results
of `tune` with those of a peer over all problems. Each difference is relative to the larger of both
absolute results.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
from pathlib import Path

from scipy.stats import rankdata, wilcoxon

SCRIPT = Path(__file__).with_name("optuna_solver.py")
SUITES = {
    "auc": ["problem-suite", "sigopt", "auc"],
    "nonparametric": ["problem-suite", "sigopt", "nonparametric"],
    "zdt": ["problem-suite", "zdt"],
}
PEERS = {"tpe": "TPESampler", "gp": "GPSampler", "nsga2": "NSGAIISampler"}


def lines(command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def recipe(options, solver):
    """The line that describes a solver to kurobako."""
    if solver == "random":
        words = ["random"]
    elif solver in PEERS:
        words = ["command", sys.executable, str(SCRIPT), PEERS[solver]]
    else:
        search = solver.partition("-")[2] or "bayes"
        words = ["command", options.tune, "--", "kurobako", "--search", search]
    return lines([options.kurobako, "solver", *words])[0]


def hypervolume(points, reference):
    """The hypervolume of `points`, with two minimized metrics."""
    inside = sorted(point for point in points if all(x < most for x, most in zip(point, reference)))
    volume, height = 0.0, reference[1]
    for x, y in inside:
        if y < height:
            volume += (reference[0] - x) * (height - y)
            height = y
    return volume


def values(study):
    """The values of all trials that have some."""
    values = [trial["evaluations"][-1]["values"] for trial in study["trials"] if trial["evaluations"]]
    return [value for value in values if value and None not in value]


def judge(studies):
    """The results of all `studies` of one problem."""
    first, reference = studies[0], studies[0]["problem"]["spec"].get("reference_point")
    points = [point for study in studies for point in values(study)]
    if len(first["problem"]["spec"]["values_domain"]) == 1:
        return [min((value[0] for value in values(study)), default=float("inf")) for study in studies]
    if not reference or not hypervolume(points, reference):
        reference = [max(point[metric] for point in points) for metric in range(2)]
    return [-hypervolume(values(study), reference) for study in studies]


def run(options, solvers, problems, repeats):
    """The results of all repeats, by problem and solver."""
    recipes = [recipe(options, solver) for solver in solvers]
    studies = ["studies", "--solvers", *recipes, "--problems", *problems, "--repeats", str(repeats)]
    studies += ["--budget", str(options.budget), "--seed", str(options.seed)]
    planned = "\n".join(lines([options.kurobako, *studies])) + "\n"
    done = subprocess.run(
        [options.kurobako, "run", "--quiet", "--parallelism", str(options.parallelism)],
        input=planned, check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    names = {json.dumps(json.loads(recipe), sort_keys=True): name for recipe, name in zip(recipes, solvers)}
    studies, results = {}, {}
    for line in done.stdout.splitlines():
        study = json.loads(line)
        studies.setdefault(json.dumps(study["problem"]["recipe"], sort_keys=True), []).append(study)
    for problem, of in studies.items():
        for study, result in zip(of, judge(of)):
            solver = names[json.dumps(study["solver"]["recipe"], sort_keys=True)]
            results.setdefault(problem, {}).setdefault(solver, []).append(result)
    return results


def compare(ours, peer):
    """Problems won and lost, and Wilcoxon's p over the pairs of results."""
    scale = [max(abs(a), abs(b), 1e-300) for a, b in zip(ours, peer)]
    differences = [(a - b) / s for a, b, s in zip(ours, peer, scale)]
    wins = sum(difference < 0 for difference in differences)
    losses = sum(difference > 0 for difference in differences)
    return wins, losses, wilcoxon(differences).pvalue if any(differences) else 1.0


def report(suite, solvers, results):
    medians = {solver: [statistics.median(of[solver]) for of in results.values()] for solver in solvers}
    ranks = [rankdata(row) for row in zip(*medians.values())]
    print(f"\n{suite}: {len(results)} problems, {len(next(iter(results.values()))[solvers[0]])} repeats")
    print(f"{'solver':<12} {'mean rank':>9} {'firsts':>6} {'won':>4} {'lost':>4} {'p':>9}")
    for index, solver in enumerate(solvers):
        mean = statistics.mean(row[index] for row in ranks)
        firsts = sum(row[index] == min(row) for row in ranks)
        line = f"{solver:<12} {mean:>9.2f} {firsts:>6}"
        if index > 0:
            wins, losses, p = compare(medians[solvers[0]], medians[solver])
            line += f" {wins:>4} {losses:>4} {p:>9.2g}"
        print(line, flush=True)


def file_of(kept, suite):
    return kept.with_name(f"{kept.name}-{suite}.json")


def joined(results, earlier):
    """All solvers on the problems that both have."""
    return {problem: {**of, **earlier[problem]} for problem, of in results.items() if problem in earlier}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tune", default="tune")
    parser.add_argument("--kurobako", default="kurobako")
    parser.add_argument("--suites", nargs="+", choices=SUITES, default=list(SUITES))
    parser.add_argument("--solvers", nargs="+", default=["tune", "random", "tpe"], help="the first one is compared with the others")
    parser.add_argument("--problems", type=int, help="size of a sample of each suite; equal sizes give equal samples")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--budget", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parallelism", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="file prefix for all results, as JSON")
    parser.add_argument("--kept", type=Path, nargs="*", default=[], help="results of --keep for other solvers, same seeds")
    options = parser.parse_args()
    for suite in options.suites:
        problems = lines([options.kurobako, *SUITES[suite]])
        if options.problems and options.problems < len(problems):
            problems = sorted(random.Random(0).sample(problems, options.problems))
        results = run(options, options.solvers, problems, options.repeats)
        if options.keep:
            file_of(options.keep, suite).write_text(json.dumps(results))
        for earlier in options.kept:
            results = joined(results, json.loads(file_of(earlier, suite).read_text()))
        report(suite, list(next(iter(results.values()))), results)


if __name__ == "__main__":
    main()
