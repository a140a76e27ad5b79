"""Topologies for MNIST-1D by evolution from a dense network; prints the winner of each seed.

    pip install mnist1d
    python benches/mnist1d_topologies.py [--tune target/release/tune] [--seeds 1] [--trials 60] [--threads 1]

The data set has 4,000 training and 1,000 test samples of 40 numbers, made by the package. They are
images of one row, so windows have one row. Each trial trains 40 epochs. A score is that of the deployed
network on the test set: mean and deviation of three fresh seeds.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile

import numpy
from mnist1d.data import get_dataset_args, make_dataset

SPACE = {
    "name": "mnist1d",
    "parameters": {
        "convolutions": {
            "type": "list", "length": [0, 5], "default": 0, "of": {
                "channels": {"type": "int", "low": 8, "high": 96, "log": True, "default": 32},
                "height": {"type": "fixed", "value": 1},
                "width": {"type": "categorical", "choices": [3, 5, 7]},
                "stride": {"type": "categorical", "choices": [1, 2]},
            },
        },
        "dense": {
            "type": "list", "length": [0, 2], "default": 1, "of": {
                "width": {"type": "int", "low": 32, "high": 512, "log": True, "default": 128},
            },
        },
        "redundancy": {"type": "int", "low": 2, "high": 32, "log": True, "default": 10},
        "batch_norm": {"type": "fixed", "value": True},
        "dropout": {"type": "float", "low": 0.0, "high": 0.5, "default": 0.1},
        "optimizer": {"type": "fixed", "value": "adam"},
        "learning_rate_adam": {"type": "float", "low": 0.001, "high": 0.03, "log": True, "default": 0.005},
        "schedule": {"type": "fixed", "value": "cosine"},
        "temperature": {"type": "float", "low": 2.0, "high": 32.0, "log": True, "default": 8.0},
        "batch_size": {"type": "fixed", "value": 100},
        "method": {"type": "fixed", "value": "surrogate"},
        "epochs": {"type": "fixed", "value": 40},
    },
}


def make(folder):
    """Writes the data set and the space."""
    data = make_dataset(get_dataset_args())
    rows = lambda name: data[name][:, None, :, None].astype("f4")
    numpy.savez(
        folder / "mnist1d.npz", x_train=rows("x"), y_train=data["y"], x_test=rows("x_test"), y_test=data["y_test"]
    )
    (folder / "space.json").write_text(json.dumps(SPACE))


def study(args, folder, seed):
    """The winner of one study."""
    command = [args.tune, "--dataset", "mnist1d.npz", "--channels", "last", "--space", "space.json"]
    command += ["--search", "evolution", "--budget", str(args.trials), "--threads", str(args.threads)]
    command += ["--seed", str(seed), "--out", f"{seed}.json", "--quiet"]
    subprocess.run(command, cwd=folder, check=True)
    return json.loads((folder / f"{seed}.json").read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tune", default="target/release/tune")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    args.tune = str(pathlib.Path(args.tune).resolve())
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make(folder)
        means = []
        for seed in range(args.seeds):
            best = study(args, folder, seed)
            test = best["test"]["spread"]
            means.append(test["mean"])
            print(f"seed {seed}: {test['mean']:.4f} ± {test['sd']:.4f}  {best['network']['topology']}", flush=True)
        print(f"{len(means)} seeds: mean {statistics.mean(means):.4f}, worst {min(means):.4f}")


if __name__ == "__main__":
    main()
