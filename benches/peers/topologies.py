"""Searches of topologies at equal numbers of trained networks: ours, random ones, and Optuna's NSGA-II.

    python topologies.py [--tune target/release/tune] [--dataset digits] [--seeds 10] [--trials 40] [--epochs 8]

All search the space `topologies` for accuracy and energy on loihi1, train and score with `tune`, and refuse
the same networks before training; a refused network is no trial. `--dataset mnist1d` makes MNIST-1D (PyPI)
with windows of one row. Prints the hypervolume of each search below 100 uJ and above accuracy 0.5, or 0.1
for MNIST-1D, in accuracy times decades of energy: mean and standard error over the seeds, and the two-sided
p value of a paired t test against evolution.
"""

import argparse
import json
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile

import optuna
from scipy import stats

HERE = pathlib.Path(__file__).resolve().parent
ACCURACY = {"digits": 0.5, "mnist1d": 0.1}
ENERGY = 1e-4
OURS = ["evolution", "bayes", "random"]


def hypervolume(found, least):
    """The area that `found`, pairs of accuracy and energy, dominates above accuracy `least`, in decades of energy."""
    area, decades = 0.0, 0.0
    for accuracy, energy in sorted(found, key=lambda pair: (-pair[0], pair[1])):
        gained = math.log10(ENERGY / energy) if energy > 0 else 0.0
        if accuracy > least and gained > decades:
            area += (accuracy - least) * (gained - decades)
            decades = gained
    return area


def space(args):
    """The space that is searched, as JSON."""
    text = json.loads((HERE.parents[1] / "configs" / "topologies.json").read_text())
    text.pop("$schema")
    text["parameters"]["epochs"]["value"] = args.epochs
    if args.dataset == "mnist1d":
        item = text["parameters"]["convolutions"]["of"]
        item["height"] = {"type": "fixed", "value": 1}
        item["padding"] = {"type": "fixed", "value": False}
    return text


def tune(args, folder, words):
    """Runs `tune` in `folder`; its exit code and what it says."""
    data = ["mnist1d.npz", "--channels", "last"] if args.dataset == "mnist1d" else [args.dataset]
    command = [args.tune, "--dataset", *data, "--chip", "loihi1", "--metric", "accuracy", "--metric", "energy"]
    command += ["--confirm", "0", "--threads", str(args.threads), "--max-failures", "0", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode not in (0, 4):
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return done.returncode, done.stderr


def ours(args, folder, search, seed):
    """The values of all trials of a study by one of our searches."""
    name = f"{search}-{seed}"
    tune(args, folder, ["--space", "space.json", "--search", search, "--budget", str(args.trials), "--seed",
                        str(seed), "--study", name, "--quiet"])
    exported = subprocess.run([args.tune, "export", "jsonl", "--study", name], cwd=folder, capture_output=True, text=True, check=True)
    trials = [json.loads(line) for line in exported.stdout.splitlines()]
    return [(trial["values"]["accuracy"], trial["values"]["energy"]) for trial in trials if trial.get("values")]


def suggested(trial, name, parameter):
    """The value of `parameter` that Optuna proposes."""
    kind = parameter["type"]
    if kind == "fixed":
        return parameter["value"]
    if kind == "categorical":
        return trial.suggest_categorical(name, parameter["choices"])
    function = trial.suggest_int if kind == "int" else trial.suggest_float
    return function(name, parameter["low"], parameter["high"], log=parameter.get("log", False))


def point(trial, parameters):
    """A point of the space that Optuna proposes."""
    values = {}
    for name, parameter in parameters.items():
        if any(values.get(parent) not in allowed for parent, allowed in parameter.get("when", {}).items()):
            continue
        if parameter["type"] != "list":
            values[name] = suggested(trial, name, parameter)
            continue
        low, high = parameter["length"]
        values[name] = trial.suggest_int(name, low, high)
        for item in range(1, values[name] + 1):
            for own, one in parameter["of"].items():
                values[f"{name}.{item}.{own}"] = suggested(trial, f"{name}.{item}.{own}", one)
    return values


def evaluate(args, folder, values, seed):
    """Accuracy and energy of a point; None if it is refused before training, and a failure if that is one."""
    fixed = {name: {"type": "fixed", "value": value} for name, value in values.items()}
    (folder / "one.json").write_text(json.dumps({"name": "one", "parameters": fixed}))
    words = ["--space", "one.json", "--budget", "1", "--seed", str(seed), "--fresh", "--study", "one", "--out", "one-best.json"]
    code, said = tune(args, folder, words)
    if code == 0:
        best = json.loads((folder / "one-best.json").read_text())
        return best["front"][0]["values"]
    return None if "refused before training" in said or "too large for" in said else []


def optunas(args, folder, seed):
    """The values of as many trained networks by Optuna's NSGA-II."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.NSGAIISampler(seed=seed, population_size=args.population)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    parameters, found = json.loads((folder / "space.json").read_text())["parameters"], []
    trained = 0
    while trained < args.trials:
        trial = study.ask()
        values = point(trial, parameters)
        result = evaluate(args, folder, values, seed) if values.get("input_coding") != "graded" else None
        trained += result is not None
        if result:
            study.tell(trial, result)
            found.append(tuple(result))
        else:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tune", default="target/release/tune")
    parser.add_argument("--dataset", default="digits", choices=ACCURACY)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--population", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    args.tune = str(pathlib.Path(args.tune).resolve())
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "space.json").write_text(json.dumps(space(args)))
        if args.dataset == "mnist1d":
            sys.path.insert(0, str(HERE.parent))
            from mnist1d_topologies import make  # noqa: PLC0415
            make(folder)
        least = ACCURACY[args.dataset]
        volumes = {search: [] for search in [*OURS, "optuna-nsga2"]}
        for seed in range(args.seeds):
            for search in OURS:
                volumes[search].append(hypervolume(ours(args, folder, search, seed), least))
            volumes["optuna-nsga2"].append(hypervolume(optunas(args, folder, seed), least))
            print(seed, {search: round(values[-1], 4) for search, values in volumes.items()}, flush=True)
        for search, values in volumes.items():
            error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
            other = "" if search == "evolution" else f"  p {stats.ttest_rel(volumes['evolution'], values).pvalue:.2g}"
            print(f"{search:13} {statistics.mean(values):.4f} ± {error:.4f}{other}")


if __name__ == "__main__":
    main()
