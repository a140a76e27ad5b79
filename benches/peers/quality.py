"""Compares `tune` with Optuna, SMAC3 and egobox on mixed, noisy and conditional problems.

    pip install optuna scipy torch smac egobox coco-experiment
    python quality.py --tune ../../target/release/tune --suites mixint noisy conditional --instances 1 2 3

All solvers get the same random first points. Then each proposes one point at a time, up to --budget
points in all. The result of a solver is the noiseless loss of the point with its lowest measured
loss. Results are compared by normalized regret: for each problem and instance, the best result of
all solvers is 0 and the best first point is 1. `--suites workers` runs `tune` alone, with eight
trials at a time.
"""

import argparse
import heapq
import json
import math
import os
import statistics
import subprocess
import warnings

import numpy as np

FIRST_PER_DIMENSION = 2


class Problem:
    """A loss over named parameters, each a dict as in the file of a search space."""

    def __init__(self, name, parameters, loss, noise=0.0):
        self.name, self.parameters, self.loss, self.noise = name, parameters, loss, noise

    def active(self, values):
        """The parameters of `values` whose conditions hold."""
        def holds(name):
            when = self.parameters[name].get("when", {})
            return all(values.get(parent) in choices and holds(parent) for parent, choices in when.items())
        return {name: value for name, value in values.items() if holds(name)}

    def draw(self, rng):
        def value(domain):
            if domain["type"] == "categorical":
                return domain["choices"][rng.integers(len(domain["choices"]))]
            low, high = domain["low"], domain["high"]
            if domain["type"] == "int":
                return int(rng.integers(low, high + 1))
            if domain.get("log"):
                return float(math.exp(rng.uniform(math.log(low), math.log(high))))
            return float(rng.uniform(low, high))
        return self.active({name: value(domain) for name, domain in self.parameters.items()})


def mixint(instances):
    import cocoex

    for instance in instances:
        suite = cocoex.Suite("bbob-mixint", f"instances: {instance}", "dimensions: 5,10")
        for index in range(len(suite)):
            coco = suite.get_problem(index)
            integers = coco.number_of_integer_variables
            parameters = {}
            for axis, (low, high) in enumerate(zip(coco.lower_bounds, coco.upper_bounds)):
                kind = "int" if axis < integers else "float"
                ends = (int(low), int(high)) if kind == "int" else (float(low), float(high))
                parameters[f"x{axis}"] = {"type": kind, "low": ends[0], "high": ends[1]}
            def loss(values, coco=coco, names=list(parameters)):
                return float(coco(np.array([values[name] for name in names], float)))
            yield Problem(coco.id, parameters, loss)


def hartmann6(values):
    a = np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]])
    p = 1e-4 * np.array([[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
                         [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]])
    x = np.array([values[f"x{axis}"] for axis in range(6)])
    return -float(np.array([1, 1.2, 3, 3.2]) @ np.exp(-np.sum(a * (x - p) ** 2, axis=1)))


def noisy(instances):
    unit = {f"x{axis}": {"type": "float", "low": 0.0, "high": 1.0} for axis in range(6)}
    for instance in instances:
        for noise in (0.05, 0.2):
            yield Problem(f"hartmann6-noise{noise}-{instance}", unit, hartmann6, noise)


def conditional(instances):
    """Trees of choices with parameters in each branch; each instance has other centres."""
    for instance in instances:
        rng = np.random.default_rng(1000 + instance)
        centre = rng.uniform(0.2, 0.8, 12)

        rules = {
            "rule": {"type": "categorical", "choices": ["adam", "sgd", "rprop"]},
            "rate_adam": {"type": "float", "low": 1e-5, "high": 1.0, "log": True, "when": {"rule": ["adam"]}},
            "rate_sgd": {"type": "float", "low": 1e-5, "high": 1.0, "log": True, "when": {"rule": ["sgd"]}},
            "momentum": {"type": "float", "low": 0.0, "high": 1.0, "when": {"rule": ["sgd"]}},
            "layers": {"type": "int", "low": 1, "high": 3},
            "width_1": {"type": "int", "low": 1, "high": 64},
            "width_2": {"type": "int", "low": 1, "high": 64, "when": {"layers": [2, 3]}},
            "width_3": {"type": "int", "low": 1, "high": 64, "when": {"layers": [3]}},
            "dropout": {"type": "float", "low": 0.0, "high": 1.0},
        }
        def network(v, c=centre):
            share = lambda rate: (math.log(rate) - math.log(1e-5)) / (math.log(1.0) - math.log(1e-5))
            rule = {"adam": lambda: 0.1 + 4 * (share(v["rate_adam"]) - c[0]) ** 2,
                    "sgd": lambda: 6 * (share(v["rate_sgd"]) - c[1]) ** 2 + 3 * (v["momentum"] - c[2]) ** 2,
                    "rprop": lambda: 0.6}[v["rule"]]()
            widths = [v[f"width_{layer}"] / 64 for layer in range(1, v["layers"] + 1)]
            form = sum((width - c[3 + layer]) ** 2 for layer, width in enumerate(widths)) + 0.2 * (3 - v["layers"])
            return rule + form + (v["dropout"] - c[6] * (0.5 + 0.5 * widths[0])) ** 2
        yield Problem(f"network-{instance}", rules, network)

        tree = {
            "left": {"type": "categorical", "choices": [True, False]},
            "a": {"type": "categorical", "choices": ["x", "y"], "when": {"left": [True]}},
            "b": {"type": "categorical", "choices": ["x", "y"], "when": {"left": [False]}},
            "ax": {"type": "float", "low": 0.0, "high": 1.0, "when": {"a": ["x"]}},
            "ay": {"type": "float", "low": 0.0, "high": 1.0, "when": {"a": ["y"]}},
            "bx": {"type": "float", "low": 0.0, "high": 1.0, "when": {"b": ["x"]}},
            "by": {"type": "float", "low": 0.0, "high": 1.0, "when": {"b": ["y"]}},
            "shared": {"type": "float", "low": 0.0, "high": 1.0},
            "other": {"type": "float", "low": 0.0, "high": 1.0},
        }
        def forest(v, c=centre):
            leaf = v["a"] if v["left"] else v["b"]
            name = ("a" if v["left"] else "b") + leaf
            place = ["ax", "ay", "bx", "by"].index(name)
            depth = [0.3, 0.1, 0.2, 0.0][(place + int(10 * c[7])) % 4]
            return depth + (v[name] - c[place]) ** 2 + (v["shared"] - c[8]) ** 2 + math.sin(5 * v["other"] + c[9]) / 4
        yield Problem(f"tree-{instance}", tree, forest)


SUITES = {"mixint": mixint, "noisy": noisy, "conditional": conditional}


class Tune:
    """A session of `tune serve --stdio`."""

    def __init__(self, problem, seed, options):
        self.process = subprocess.Popen([options.tune, "serve", "--stdio"], stdin=-1, stdout=-1, text=True)
        space = {"name": "problem", "parameters": problem.parameters}
        self.say({"op": "open", "space": space, "metrics": [{"name": "loss", "direction": "minimize"}], "seed": seed})

    def say(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        reply = json.loads(self.process.stdout.readline())
        if "message" in reply:
            raise SystemExit(reply["message"])
        return reply

    def add(self, values, loss):
        self.say({"op": "tell", "point": values, "values": [loss]})

    def ask(self):
        reply = self.say({"op": "ask"})
        return reply["trial"], reply["point"]

    def tell(self, trial, _values, loss):
        self.say({"op": "tell", "trial": trial, "values": [loss]})

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Optuna:
    def __init__(self, problem, seed, sampler):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.optuna, self.problem = optuna, problem
        self.study = optuna.create_study(sampler=sampler(optuna.samplers)(seed))

    def distribution(self, domain):
        of = self.optuna.distributions
        if domain["type"] == "categorical":
            return of.CategoricalDistribution(domain["choices"])
        kind = of.IntDistribution if domain["type"] == "int" else of.FloatDistribution
        return kind(domain["low"], domain["high"], log=domain.get("log", False))

    def add(self, values, loss):
        distributions = {name: self.distribution(self.problem.parameters[name]) for name in values}
        self.study.add_trial(self.optuna.trial.create_trial(params=values, distributions=distributions, value=loss))

    def ask(self):
        trial, values = self.study.ask(), {}
        for name, domain in self.problem.parameters.items():
            if name in self.problem.active({**values, name: None}):
                values[name] = trial._suggest(name, self.distribution(domain))
        return trial, values

    def tell(self, trial, _values, loss):
        self.study.tell(trial, loss)

    def close(self):
        pass


class Smac:
    def __init__(self, problem, seed, options):
        import logging
        import tempfile

        from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, InCondition, Integer
        from ConfigSpace import AndConjunction
        from smac import HyperparameterOptimizationFacade as Facade
        from smac import Scenario

        logging.getLogger("smac").setLevel(logging.ERROR)
        self.problem, self.space = problem, ConfigurationSpace(seed=seed)
        made = {}
        for name, domain in problem.parameters.items():
            if domain["type"] == "categorical":
                made[name] = Categorical(name, domain["choices"])
            else:
                kind = Integer if domain["type"] == "int" else Float
                made[name] = kind(name, (domain["low"], domain["high"]), log=domain.get("log", False))
            self.space.add(made[name])
        for name, domain in problem.parameters.items():
            conditions = [InCondition(made[name], made[parent], choices) if len(choices) > 1
                          else EqualsCondition(made[name], made[parent], choices[0])
                          for parent, choices in domain.get("when", {}).items()]
            if conditions:
                self.space.add(conditions[0] if len(conditions) == 1 else AndConjunction(*conditions))
        self.folder = tempfile.TemporaryDirectory()
        scenario = Scenario(self.space, deterministic=True, n_trials=options.budget, seed=seed,
                            output_directory=self.folder.name)
        initial = Facade.get_initial_design(scenario, n_configs=0, additional_configs=[])
        self.smac = Facade(scenario, lambda config, seed=0: 0.0, initial_design=initial, overwrite=True,
                           logging_level=False)

    def add(self, values, loss):
        from ConfigSpace import Configuration
        from smac.runhistory.dataclasses import TrialInfo, TrialValue

        self.smac.tell(TrialInfo(Configuration(self.space, values=values), seed=0), TrialValue(loss))

    def ask(self):
        info = self.smac.ask()
        plain = lambda value: value.item() if hasattr(value, "item") else value
        return info, {name: plain(value) for name, value in dict(info.config).items()}

    def tell(self, info, _values, loss):
        from smac.runhistory.dataclasses import TrialValue

        self.smac.tell(info, TrialValue(loss))

    def close(self):
        self.folder.cleanup()


class Egobox:
    """It has no conditions: its values of inactive parameters are ignored."""

    def __init__(self, problem, seed, options):
        import egobox

        self.problem, self.seed, self.rows, self.losses = problem, seed, [], []
        def spec(domain):
            if domain["type"] == "categorical":
                return egobox.XSpec(egobox.XType.ENUM, [len(domain["choices"])])
            kind = egobox.XType.INT if domain["type"] == "int" else egobox.XType.FLOAT
            low, high = domain["low"], domain["high"]
            return egobox.XSpec(kind, [math.log(low), math.log(high)] if domain.get("log") else [low, high])
        specs = [spec(domain) for domain in problem.parameters.values()]
        self.egor = egobox.Egor(specs, seed=seed)

    def row(self, values):
        def number(domain, value):
            if value is None:
                return 0.0 if domain["type"] == "categorical" else self.middle(domain)
            if domain["type"] == "categorical":
                return float(domain["choices"].index(value))
            return math.log(value) if domain.get("log") else float(value)
        return [number(domain, values.get(name)) for name, domain in self.problem.parameters.items()]

    @staticmethod
    def middle(domain):
        if domain.get("log"):
            return (math.log(domain["low"]) + math.log(domain["high"])) / 2
        middle = (domain["low"] + domain["high"]) / 2
        return float(round(middle)) if domain["type"] == "int" else middle

    def add(self, values, loss):
        self.rows.append(self.row(values))
        self.losses.append([loss])

    def ask(self):
        row = self.egor.suggest(np.array(self.rows), np.array(self.losses))[0]
        def value(domain, x):
            if domain["type"] == "categorical":
                return domain["choices"][int(round(x))]
            if domain["type"] == "int":
                return int(np.clip(round(x), domain["low"], domain["high"]))
            x = math.exp(x) if domain.get("log") else x
            return float(np.clip(x, domain["low"], domain["high"]))
        parameters = self.problem.parameters
        values = {name: value(domain, x) for (name, domain), x in zip(parameters.items(), row)}
        return list(row), self.problem.active(values)

    def tell(self, row, _values, loss):
        self.rows.append(row)
        self.losses.append([loss])

    def close(self):
        pass


SOLVERS = {
    "tune": Tune,
    "tpe": lambda problem, seed, _: Optuna(problem, seed, lambda of: lambda seed: of.TPESampler(seed=seed)),
    "gp": lambda problem, seed, _: Optuna(problem, seed, lambda of: lambda seed: of.GPSampler(seed=seed)),
    "smac": Smac,
    "egobox": Egobox,
}


class Run:
    """One solver on one problem: its best measured loss, and the noiseless loss of that point."""

    def __init__(self, problem, seed, count):
        self.problem, self.noise = problem, np.random.default_rng(seed + 77)
        rng = np.random.default_rng(seed)
        self.first = [problem.draw(rng) for _ in range(count)]
        self.best = (math.inf, math.inf)

    def measure(self, values):
        truth = self.problem.loss(values)
        measured = truth + self.problem.noise * self.noise.standard_normal()
        self.best = min(self.best, (measured, truth))
        return measured


def one_at_a_time(name, problem, seed, options):
    """The noiseless loss of the best first point, and of the best point of all."""
    run = Run(problem, seed, FIRST_PER_DIMENSION * len(problem.parameters))
    solver = SOLVERS[name](problem, seed, options)
    for values in run.first:
        solver.add(values, run.measure(values))
    start = run.best[1]
    for _ in range(options.budget - len(run.first)):
        trial, values = solver.ask()
        solver.tell(trial, values, run.measure(values))
    solver.close()
    return start, run.best[1]


def side_by_side(workers, problem, seed, options):
    """The same for `tune` with `workers` trials at a time, of lognormal durations."""
    run = Run(problem, seed, FIRST_PER_DIMENSION * len(problem.parameters))
    solver, clock = Tune(problem, seed, options), np.random.default_rng(seed + 99)
    for values in run.first:
        solver.add(values, run.measure(values))
    start, left, under_way, now = run.best[1], options.budget - len(run.first), [], 0.0
    while left or under_way:
        while left and len(under_way) < workers:
            trial, values = solver.ask()
            heapq.heappush(under_way, (now + clock.lognormal(0.0, 0.5), trial, values))
            left -= 1
        now, trial, values = heapq.heappop(under_way)
        solver.tell(trial, values, run.measure(values))
    solver.close()
    return start, run.best[1]


def cpu():
    """CPU seconds of this process and of its ended children."""
    return sum(os.times()[:4])


def compare(suite, options):
    """Prints for each solver the median and mean normalized regret, its firsts, the problems where
    `tune` was better and worse, and the median for each number of parameters."""
    regrets, seconds, sizes, solvers = {}, {}, [], options.solvers
    for count, problem in enumerate(SUITES[suite](options.instances)):
        seed, results = options.seed + count, {}
        for name in solvers:
            begun = cpu()
            start, results[name] = one_at_a_time(name, problem, seed, options)
            seconds[name] = seconds.get(name, 0.0) + cpu() - begun
        lowest = min(results.values())
        for name, result in results.items():
            regrets.setdefault(name, []).append((result - lowest) / max(start - lowest, 1e-12))
        sizes.append(len(problem.parameters))
        print(problem.name, {name: f"{result:.5g}" for name, result in results.items()}, flush=True)
    distinct = sorted(set(sizes))
    print(f"\n{suite}: {len(sizes)} problems")
    print("| solver | median | mean | firsts | won, lost | " + "".join(f"{size}: median | " for size in distinct) + "CPU s |")
    for name in solvers:
        of, ours = regrets[name], regrets[solvers[0]]
        firsts = sum(regret == 0.0 for regret in of)
        duels = f"{sum(a < b for a, b in zip(ours, of))}, {sum(a > b for a, b in zip(ours, of))}"
        by_size = [statistics.median(regret for regret, size in zip(of, sizes) if size == wanted) for wanted in distinct]
        medians = "".join(f"{median:.4f} | " for median in by_size)
        print(f"| {name} | {statistics.median(of):.4f} | {statistics.mean(of):.4f} | {firsts} | {duels} | {medians}{seconds[name]:.0f} |",
              flush=True)


def workers(options):
    """Prints the gain of eight trials at a time, as a share of the gain of one at a time."""
    kept, unit = [], {f"x{axis}": {"type": "float", "low": 0.0, "high": 1.0} for axis in range(6)}
    problems = [Problem("hartmann6", unit, hartmann6), *conditional(options.instances), *noisy(options.instances)]
    for count, problem in enumerate(problems):
        for repeat in range(options.repeats):
            seed = options.seed + 1000 * repeat + count
            start, alone = one_at_a_time("tune", problem, seed, options)
            _, together = side_by_side(8, problem, seed, options)
            kept.append((start - alone, start - together))
        print(problem.name, flush=True)
    gains = [sum(column) for column in zip(*kept)]
    median = statistics.median(together / alone for alone, together in kept if alone > 0)
    print(f"\n8 workers: {len(kept)} pairs; gain relative to one at a time: {gains[1] / gains[0]:.3f} in all, {median:.3f} in the median")


def main():
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tune", default="tune")
    parser.add_argument("--suites", nargs="+", choices=[*SUITES, "workers"], default=list(SUITES))
    parser.add_argument("--solvers", nargs="+", choices=SOLVERS, default=list(SOLVERS))
    parser.add_argument("--instances", nargs="+", type=int, default=[1])
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3, help="repeats of the suite workers")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for suite in options.suites:
        workers(options) if suite == "workers" else compare(suite, options)


if __name__ == "__main__":
    main()
