"""Writes the tables of RESULTS.md from the summaries in the folder `results`.

    python3 benches/results/page.py [--check]

A table stands between `<!-- begin NAME -->` and `<!-- end NAME -->`. With `--check` nothing is written; the exit code
is 1 if the page is not what the summaries say.
"""

import json
import pathlib
import re
import sys

PROJECT = pathlib.Path(__file__).resolve().parents[2]
# Test accuracy of checkpoints that others trained by Whetstone's defaults, one seed each.
PUBLISHED = {"mnist-dense": "96.44 %", "mnist-lenet": "97.99 %"}
NETWORKS = {"dense": "784-256-64-100", "lenet": "LeNet 32, 48"}
NAMES = {
    "bayes": "`tune`, Gaussian process", "tpe": "`tune --search tpe`", "random": "random order, without repetition",
    "optuna-tpe": "Optuna, TPESampler", "optuna-gp": "Optuna, GPSampler",
    "whetstone": "Whetstone's default", "untuned": "`tune` from that default alone", "started": "`tune` with the starting points of its space",
}


def read(name):
    path = PROJECT / "results" / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def percent(found, digits=2):
    """A spread of shares as a percentage."""
    return f"{100 * found['mean']:.{digits}f} ± {100 * found['sd']:.{digits}f} %"


def whetstone(summary):
    rows = []
    for row in summary["rows"]:
        network = NETWORKS[row["name"].rsplit("-", 1)[1]]
        if "no_result" in row:
            rows.append([row["dataset"], network, row["no_result"], "", "", "", ""])
            continue
        low, high = min(row["values"]), max(row["values"])
        rows.append([row["dataset"], network, percent(row["test"]), len(row["values"]), f"{100 * low:.2f} to {100 * high:.2f}",
                     PUBLISHED.get(row["name"], "not known"), f"{row['cpu_seconds'] / row['trainings']:.0f} s"])
    return table(["data", "network", "test accuracy", "seeds", "least and most", "published checkpoint", "CPU time of a training"], rows)


def grid(summary):
    def cells(found, most):
        return [f"more than {most}" if found[key] is None else found[key] for key in ("median", "quarter", "three_quarters", "nine_tenths")]
    facts = (
        f"Of {summary['points']} points {summary['died'] or 'none'} had a dead network in any seed. The best mean is "
        f"{100 * summary['best']:.2f} %, the next {100 * summary['second']:.2f} %, the median {100 * summary['median']:.2f} %, Whetstone's default "
        f"{100 * summary['default']:.2f} %; {summary['near_points'] - 1 or 'no'} other points lie within "
        "0.1 points of the best.\n\n")
    head = ["search", "seeds", "median", "first quarter", "three quarters", "nine of ten", "in 15 evaluations", "points below the best after 15"]
    rows = [[NAMES[row["search"]], row["repeats"], *cells(row["optimum"], row["most"]), f"{row['optimum_in_15']} of {row['repeats']}",
             f"{row['regret_15_points']:.2f}"] for row in summary["rows"]]
    near = [[NAMES[row["search"]], *cells(row["near"], row["most"])] for row in summary["rows"]]
    text = facts + "Evaluations until the best point:\n\n" + table(head, rows)
    if summary["near_points"] > 1:
        text += "\n\nEvaluations until a point within 0.1 points of it:\n\n" + table(["search", *head[2:6]], near)
    return text


def tuned(summary):
    rows = []
    for row in summary["rows"]:
        # One study has no spread.
        share, points = (percent, percent_points) if row["with_result"] > 1 else (
            lambda found, digits=2: f"{100 * found['mean']:.{digits}f} %", lambda found: f"{found['mean']:+.2f}")
        gain = points(row["gain_points"]) if "gain_points" in row else ""
        fewer = share(row["fewer_errors"], 0) if "fewer_errors" in row else ""
        found = share(row["test"]) if "test" in row else "no network lives"
        seeds = f"{100 * row['sd_of_seeds']:.2f}" if "test" in row else ""
        rows.append([row["set"], NAMES[row["arm"]], row.get("trials", ""), row["studies"], found, seeds, gain, fewer,
                     f"{row['cpu_seconds']:.1f} s"])
    return table(["data", "how", "trials", "studies", "test accuracy", "sd of seeds, points", "gain, points", "fewer errors", "CPU time"], rows)


def percent_points(found):
    return f"{found['mean']:+.2f} ± {found['sd']:.2f}"


def importance(summary):
    share = lambda row: f"`{row['name']}` {100 * row['median']:.0f} % ({100 * row['least']:.0f} to {100 * row['most']:.0f})"
    rows = [[row["set"], ", ".join(share(one) for one in row[key][:4])] for key in ("total", "alone", "pairs") for row in summary["rows"]]
    count = len(summary["rows"])
    parts = [("in all, with others", rows[:count]), ("alone", rows[count:2 * count]), ("in pairs", rows[2 * count:])]
    return "\n\n".join(f"Shares {what}:\n\n" + table(["data", "median of the studies (least to most)"], lines) for what, lines in parts)


def method(summary, name):
    rows = [row for row in summary["rows"] if row["table"] == name]
    sets = list(dict.fromkeys(row["set"] for row in rows))
    settings = list(dict.fromkeys(row["setting"] for row in rows))
    def cell(one, setting):
        found = next((row for row in rows if row["set"] == one and row["setting"] == setting), None)
        if found is None or "test" not in found:
            return "" if found is None else "all dead"
        dead = found["seeds"] - found["alive"]
        return percent(found["test"], 1) + (f", {dead} of {found['seeds']} dead" if dead else "")
    return table(["setting", *sets], [[setting, *(cell(one, setting) for one in sets)] for setting in settings])


def coverage(summary):
    names = {"same": "the same test samples, ten fresh seeds", "new": "3,823 new samples, five fresh seeds"}
    def row(found):
        return [names[found["kind"]], found["studies"], f"{found['inside']} ({100 * found['inside'] / found['studies']:.1f} %)", found["below"], found["above"],
                f"{found['width_points']['mean']:.2f}", percent_points(found["searched_minus_fresh_points"]),
                percent_points(found["validation_minus_fresh_points"]), percent_points(found["test_minus_fresh_points"])]
    head = ["measured on", "studies", "inside", "below", "above", "width, points", "selected value minus measured", "confirmed validation minus measured", "confirmed test minus measured"]
    return table(head, [row(found) for found in summary["rows"]])


def torch_search(summary):
    rows, own = [], list(next(row["seconds_of"] for row in summary["rows"] if "seconds_of" in row))
    for dataset, program in dict.fromkeys((row["set"], row["program"]) for row in summary["rows"]):
        found = [row for row in summary["rows"] if (row["set"], row["program"]) == (dataset, program)]
        each = lambda cell: ", ".join(map(cell, found))
        name = f"`{program}`" if program in own else program
        cells = [dataset, name, each(lambda row: f"{row['trials_per_hour']:,}"), each(lambda row: f"{100 * row['validation']:.2f}")]
        reached = lambda seconds, minutes: f"more than {60 * minutes:.0f}" if seconds is None else f"{seconds:.0f}"
        if program not in own:
            cells.append(each(lambda row: f"{row['seconds']:.0f} of {60 * row['minutes']:.0f}"))
            cells += [each(lambda row: reached(row["seconds_of"][name], row["minutes"])) for name in own]
        rows.append(cells + [""] * (5 + len(own) - len(cells)))
    head = ["set", "search", "trials per hour", "best validation, %", "after seconds", *(f"the same by `{name}` after seconds" for name in own)]
    return f"{summary['peers']}; a figure for each seed.\n\n" + table(head, rows)


def fronts(summary):
    names = {"best": "most accurate", "half": "at most 0.5 points below", "two": "at most 2 points below"}
    def row(found, one):
        energy = f"{one['energy_uj']:.4g}" + ("" if one["what"] == "best" else f", {found['shown'][0]['energy_uj'] / one['energy_uj']:.1f} times less")
        sparsity = f"{100 * one['connection_sparsity']:.0f}, {100 * one['activation_sparsity']:.0f}"
        return [found["set"], found["chip"], names[one["what"]], one["topology"], percent({"mean": one["test"], "sd": one["sd"]}), energy, f"{one['latency_us']:.4g}", one["cores"],
                f"{one['parameters']:,}", f"{one['footprint_bytes'] / 1000:.1f}", sparsity, f"{one['effective_acs']:,}"]
    head = ["data", "chip", "network", "topology", "test accuracy", "energy, uJ", "latency, us", "cores", "parameters", "footprint, kB",
            "connection and activation sparsity, %", "effective ACs"]
    counts = ", ".join(f"{found['networks']} of {found['set']} on {found['chip']} ({found['cpu_seconds'] / 60:.0f} CPU minutes)" for found in summary["rows"])
    return f"Networks on the fronts: {counts}.\n\n" + table(head, [row(found, one) for found in summary["rows"] for one in found["shown"]])


def epochs(summary):
    costs = list(summary["rows"][0]["regret"])
    points = lambda found, repeats: f"{100 * found['mean']:.2f} ± {100 * found['sd'] / repeats ** 0.5:.2f}"
    rows = [[row["data"], row["search"], row["repeats"], *(points(row["regret"][cost], row["repeats"]) for cost in costs)] for row in summary["rows"]]
    facts = "; ".join(
        f"{data}: best {100 * found['best']:.2f} %, tenth {100 * found['tenth']:.2f} %, median {100 * found['median']:.2f} %"
        for data, found in summary["sets"].items())
    head = ["data", "search", "seeds", *(f"points below the best after the cost of {cost} trainings" for cost in costs)]
    return f"Accuracies of the {summary['rows'][0]['points']} points: {facts}.\n\n" + table(head, rows)


TABLES = {
    "whetstone": whetstone, "grid": grid, "tuned": tuned, "importance": importance, "coverage": coverage, "torch_search": torch_search, "epochs": epochs, "fronts": fronts,
    **{f"method-{name}": (lambda summary, name=name: method(summary, name)) for name in ("redundancy", "sharpener", "order", "optimizer")},
}


def source(name, summary):
    threads = summary.get("threads", 1)
    return f"`{summary['command']}`, on {'one thread' if threads == 1 else f'{threads} threads'} of {summary['machine']}.\n\n"


def filled(text):
    """The page with every table whose summary is there."""
    for name, make in TABLES.items():
        kind, _, part = name.partition("-")
        summary = read(kind)
        if summary is not None and (not part or any(row["table"] == part for row in summary["rows"])):
            content = f"<!-- begin {name} -->\n{source(name, summary)}{make(summary)}\n<!-- end {name} -->"
            pattern = rf"<!-- begin {name} -->.*?<!-- end {name} -->"
            if not re.search(pattern, text, re.DOTALL):
                raise SystemExit(f"RESULTS.md has no place for {name}")
            text = re.sub(pattern, lambda _: content, text, flags=re.DOTALL)
    return text


def main():
    page = PROJECT / "RESULTS.md"
    before = page.read_text()
    after = filled(before)
    if "--check" in sys.argv[1:]:
        sys.exit(0 if before == after else "RESULTS.md is not what the summaries say: python3 benches/results/page.py")
    page.write_text(after)


if __name__ == "__main__":
    main()
