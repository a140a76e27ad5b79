"""Networks that are many times cheaper than a LeNet-sized reference at nearly its accuracy, from data alone.

    python benches/mnist_topologies.py FOLDER [--tune target/release/tune] [--dataset mnist] [--budget 50] [--seeds 5]
    python benches/mnist_topologies.py FOLDER --against-random [--budget 50] [--study-seed 0]

FOLDER has the IDX files of `mnist` or `fashion-mnist`. Three steps; with `--against-random` the second alone, beside as
many random topologies that fit the chip:

1. The reference (32 and 64 channels of 5 x 5 with average pooling, 512 dense neurons) is trained for two
   epochs and priced with the constants of loihi1. It does not fit that chip's cores, so their memory and
   axons are made large for it.
2. Topologies are searched for accuracy and energy on loihi1, on a quarter of the training set, 8 epochs each.
3. The most accurate network of the front and the knee are trained on the whole set, with shifted, turned and
   zoomed images and rounded weights, and compared with the reference.
"""

import argparse
import gzip
import json
import pathlib
import subprocess

import numpy

CHIPS = pathlib.Path(__file__).resolve().parents[1] / "configs" / "chips"
TRAINING = {"batch_norm": True, "optimizer": "adam", "schedule": "cosine", "temperature": 8.0, "method": "surrogate"}
BEST_TRAINING = {"shift": 1, "rotation": 8.0, "zoom": 0.08, "quantized_epochs": 3, "batch_size": 128}
# Worst useful accuracy and energy of the search, by data set.
REFERENCES = {"mnist": "0.965,2.0e-5", "fashion-mnist": "0.84,2.0e-5"}


def fixed(name, values, folder):
    """A space of one point."""
    parameters = {key: {"type": "fixed", "value": value} for key, value in values.items()}
    (folder / f"{name}.json").write_text(json.dumps({"name": name, "parameters": parameters}, indent=1))
    return f"{name}.json"


def reference_point():
    """The hyperparameters of the reference."""
    point = {"convolutions": 2, "dense": 1, "dense.1.width": 512, "redundancy": 10, "learning_rate_adam": 0.003}
    for item, channels in ((1, 32), (2, 64)):
        at = f"convolutions.{item}."
        point |= {f"{at}channels": channels, f"{at}height": 5, f"{at}width": 5, f"{at}padding": True, f"{at}pool": "average"}
    return point | TRAINING | {"batch_size": 128, "epochs": 2, "input_coding": "threshold"}


def space():
    """The space of small topologies."""
    kind = lambda *choices: {"type": "categorical", "choices": list(choices)}
    item = {
        "channels": {"type": "int", "low": 4, "high": 48, "log": True, "default": 12},
        "height": kind(5, 3), "width": kind(5, 3), "stride": kind(1, 2), "padding": kind(True, False),
        "pool": kind("max", "none", "average"),
    }
    width = {"type": "int", "low": 16, "high": 256, "log": True, "default": 64}
    parameters = {
        "convolutions": {"type": "list", "length": [0, 4], "default": 2, "of": item},
        "dense": {"type": "list", "length": [0, 2], "default": 1, "of": {"width": width}},
        "redundancy": {"type": "int", "low": 2, "high": 16, "log": True, "default": 6},
        "input_coding": kind("threshold", "thermometer"),
        "input_levels": {"type": "int", "low": 2, "high": 4, "default": 3, "when": {"input_coding": ["thermometer"]}},
        "learning_rate_adam": {"type": "float", "low": 0.002, "high": 0.02, "log": True, "default": 0.006},
    }
    constant = TRAINING | {"batch_size": 64, "epochs": 8}
    return {"name": "small-topologies", "parameters": parameters | {k: {"type": "fixed", "value": v} for k, v in constant.items()}}


def quarter(data, dataset, folder):
    """A quarter of the training set as NPZ, with the whole test set."""
    def read(name, offset):
        return numpy.frombuffer(gzip.open(data / dataset / name).read(), numpy.uint8, offset=offset)
    images = lambda part: read(f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    labels = lambda part: read(f"{part}-labels-idx1-ubyte.gz", 8)
    numpy.savez_compressed(folder / "quarter.npz", x_train=images("train")[::4], y_train=labels("train")[::4],
                           x_test=images("t10k"), y_test=labels("t10k"))


def volume(front, reference):
    """The share of the area below 100 % and above no energy that the front (accuracy, energy) dominates."""
    least, most = map(float, reference.split(","))
    area, below = 0.0, most
    for accuracy, energy in sorted(front, key=lambda values: -values[0]):
        if accuracy > least and energy < below:
            area, below = area + (accuracy - least) * (below - energy), energy
    return area / ((1 - least) * most)


def against_random(tune, args, folder):
    """Prints the volume of the fronts by evolution and by random topologies, from a search each."""
    for search in ("evolution", "random"):
        name = f"{search}-{args.study_seed}"
        tune(*search_words(args, search), "--seed", args.study_seed, "--study", name, "--out", f"{name}.json", "--quiet")
        front = [trial["values"] for trial in json.loads((folder / f"{name}.json").read_text())["front"]]
        best = max(accuracy for accuracy, _ in front)
        near = min(energy for accuracy, energy in front if accuracy >= best - 0.005)
        print(f"{name}: volume {volume(front, REFERENCES[args.dataset]):.4f}, {len(front)} networks, "
              f"most accurate {best:.4f}, least energy within 0.005 of it {near * 1e6:.2f} uJ", flush=True)


def search_words(args, search):
    """The search of topologies on a quarter of the data."""
    return ["--dataset", "quarter.npz", "--space", "space.json", "--chip", "loihi1", "--metric", "accuracy", "--metric", "energy",
            "--budget", args.budget, "--confirm", 0, "--search", search]


def large_chip(folder):
    """Loihi's constants with cores as large as the reference needs."""
    chip = json.loads((CHIPS / "loihi1.json").read_text())
    chip.pop("$schema")
    chip["name"] = "loihi1-large"
    chip["core"] |= {"in_axons": None, "out_axons": None}
    chip["core"]["synapse_memory"]["bits"] = 1 << 32
    (folder / "large.json").write_text(json.dumps(chip))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--tune", default="target/release/tune")
    parser.add_argument("--dataset", default="mnist", choices=sorted(REFERENCES))
    parser.add_argument("--budget", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--against-random", action="store_true")
    parser.add_argument("--study-seed", type=int, default=0)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("topologies-work"))
    args = parser.parse_args()
    program, folder = str(pathlib.Path(args.tune).resolve()), args.work
    folder.mkdir(exist_ok=True)
    data = args.data.resolve()

    def tune(*words):
        subprocess.run([program, *map(str, words)], cwd=folder, check=True)

    large_chip(folder)
    quarter(data, args.dataset, folder)
    (folder / "space.json").write_text(json.dumps(space(), indent=1))
    if args.against_random:
        return against_random(tune, args, folder)
    whole = ["--dataset", args.dataset, "--data-dir", data, "--metric", "accuracy", "--metric", "energy"]
    tune(*whole, "--space", fixed("reference", reference_point(), folder), "--chip", "large.json", "--budget", 1,
         "--confirm", 0, "--out", "reference-best.json")
    tune(*search_words(args, "evolution"), "--reference", REFERENCES[args.dataset], "--out", "search.json")
    front = json.loads((folder / "search.json").read_text())["front"]
    most_accurate = max(front, key=lambda trial: trial["values"][0])
    close = [trial for trial in front if trial["values"][0] >= most_accurate["values"][0] - 0.005]
    for trial in {one["trial"]: one for one in (most_accurate, min(close, key=lambda one: one["values"][1]))}.values():
        name = f"trial-{trial['trial']}"
        point = trial["hyperparameters"] | BEST_TRAINING | {"epochs": args.epochs}
        tune(*whole, "--space", fixed(name, point, folder), "--chip", "loihi1", "--budget", 1, "--confirm", 1,
             "--confirm-seeds", args.seeds, "--out", f"{name}-best.json", "--against", "reference-best.json")


if __name__ == "__main__":
    main()
