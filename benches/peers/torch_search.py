"""Optuna's TPE driving PyTorch, beside `tune`, over one space of dense networks with binary activations.

    TUNE_DATA_DIR=FOLDER python benches/peers/torch_search.py [--trials 40] [--seeds 1] [--threads 2]

FOLDER has `optdigits/optdigits.tes`. Each seed draws 1,438 training and 359 test digits of it. Both programs begin at
the space's default, hold out a fifth of the training part, and score a trial by it. Both winners are trained
again with five fresh seeds and tested. Steps pass a boxcar as gradient; a class has its own output neurons, whose
spikes are counted. The two run one after the other: `results/torch_search.json` has accuracies, CPU and wall time.
"""

import pathlib
import random
import sys
import time

import optuna
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "results"))
from common import arguments, data_dir, spread, study, write, write_file, write_npz  # noqa: E402

TRAINING, TEST, CLASSES = 1438, 359, 10
FLOAT, INT = "float", "int"
# Kind, least, most, whether logarithmic, default.
SPACE = {
    "hidden_layers": (INT, 1, 2, False, 2), "width_1": (INT, 64, 512, True, 256), "width_2": (INT, 64, 512, True, 64),
    "dropout": (FLOAT, 0.0, 0.5, False, 0.0), "redundancy": (INT, 2, 32, True, 10), "batch_size": (INT, 32, 256, True, 128),
    "learning_rate": (FLOAT, 1e-4, 0.03, True, 1e-3), "temperature": (FLOAT, 1.0, 32.0, True, 1.0),
    "label_smoothing": (FLOAT, 0.0, 0.2, False, 0.0), "surrogate_width": (FLOAT, 0.25, 4.0, True, 1.0),
    "epochs": (INT, 8, 16, False, 16),
}
FIXED = {"input_coding": "graded", "batch_norm": True, "optimizer": "adam", "schedule": "cosine", "method": "surrogate",
         "slope": "boxcar", "key_overlapping": False}


def our_space():
    """The space as a file of `tune`."""
    parameters = {name: {"type": "fixed", "value": value} for name, value in FIXED.items()}
    for name, (kind, low, high, log, default) in SPACE.items():
        parameters[name] = {"type": kind, "low": low, "high": high, "log": log, "default": default}
    parameters["width_2"]["when"] = {"hidden_layers": [2]}
    return {"name": "torch-search", "parameters": parameters}


class Step(torch.autograd.Function):
    """1 where the input reaches 0.5; backwards a boxcar around it."""

    @staticmethod
    def forward(context, inputs, width):
        context.save_for_backward(inputs)
        context.width = width
        return (inputs >= 0.5).to(inputs.dtype)

    @staticmethod
    def backward(context, gradient):
        (inputs,) = context.saved_tensors
        return gradient * ((inputs - 0.5).abs() < context.width / 2) / context.width, None


class Network(torch.nn.Module):
    """Dense layers of steps, and output neurons that are counted per class."""

    def __init__(self, point):
        super().__init__()
        widths = [point["width_1"], point.get("width_2")][:point["hidden_layers"]] + [CLASSES * point["redundancy"]]
        self.linear = torch.nn.ModuleList(torch.nn.Linear(*pair) for pair in zip([64, *widths], widths))
        self.norm = torch.nn.ModuleList(torch.nn.BatchNorm1d(width) for width in widths[:-1])
        self.dropout, self.point = torch.nn.Dropout(point["dropout"]), point

    def forward(self, inputs):
        for layer, linear in enumerate(self.linear):
            inputs = linear(inputs)
            is_hidden = layer < len(self.norm)
            inputs = self.norm[layer](inputs) if is_hidden else inputs
            inputs = Step.apply(inputs, self.point["surrogate_width"])
            inputs = self.dropout(inputs) if is_hidden else inputs
        return inputs.view(len(inputs), CLASSES, -1).sum(2) * 2 / self.point["temperature"]


def train(point, data, seed):
    """A trained network."""
    torch.manual_seed(seed)
    network, (inputs, labels) = Network(point), data
    optimizer = torch.optim.Adam(network.parameters(), lr=point["learning_rate"])
    batches = -(-len(inputs) // point["batch_size"])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, batches * point["epochs"])
    loss = torch.nn.CrossEntropyLoss(label_smoothing=point["label_smoothing"])
    for _ in range(point["epochs"]):
        for chosen in torch.randperm(len(inputs)).split(point["batch_size"]):
            if len(chosen) > 1:
                optimizer.zero_grad()
                loss(network(inputs[chosen]), labels[chosen]).backward()
                optimizer.step()
                schedule.step()
    return network.eval()


def accuracy(network, data):
    """The share of right answers; the first of equal classes wins."""
    with torch.no_grad():
        return (network(data[0]).argmax(1) == data[1]).float().mean().item()


def propose(trial):
    """A point of the space; width_2 only of two hidden layers."""
    point = {}
    for name, (kind, low, high, log, _) in SPACE.items():
        if name == "width_2" and point["hidden_layers"] == 1:
            continue
        ask = trial.suggest_float if kind == FLOAT else trial.suggest_int
        point[name] = ask(name, low, high, log=log)
    return point


def theirs(args, training, test, seed):
    """Test accuracies of Optuna's winner, trained with five seeds."""
    held, kept = [tuple(part[slice_] for part in training) for slice_ in (slice(None, TRAINING // 5), slice(TRAINING // 5, None))]
    searched = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    searched.enqueue_trial({name: default for name, (_, _, _, _, default) in SPACE.items()})
    searched.optimize(lambda trial: accuracy(train(propose(trial), kept, seed), held), n_trials=args.trials)
    best = searched.best_params
    return searched.best_value, [accuracy(train(best, kept, 1000 + fresh), test) for fresh in range(5)]


def digits(seed):
    """The training and the test part: bytes of pixels and classes."""
    rows = [[int(cell) for cell in line.split(",")] for line in (data_dir() / "optdigits/optdigits.tes").read_text().split()]
    random.Random(seed).shuffle(rows)
    return rows[:TRAINING], rows[TRAINING:]


def tensors(rows):
    """Inputs from 0 to 1 and classes."""
    table = torch.tensor(rows)
    return table[:, :64].float() / 16, table[:, 64]


def ours(args, parts, seed):
    """Validation and test accuracies of the winner of `tune`."""
    arrays = {}
    for name, rows in zip(("train", "test"), parts):
        arrays[f"x_{name}"] = ([len(rows), 8, 8], b"".join(bytes(row[:64]) for row in rows))
        arrays[f"y_{name}"] = ([len(rows)], bytes(row[64] for row in rows))
    write_npz(args.work / f"torch-{seed}.npz", arrays)
    words = ["--dataset", f"torch-{seed}.npz", "--space", write_file(args, "torch-space.json", our_space()),
             "--budget", str(args.trials), "--confirm-seeds", "5", "--seed", str(seed)]
    best = study(args, f"torch-{seed}", words, threads=args.threads)
    return best, best["test"]["values"]


def main():
    args = arguments(__doc__, trials=40, seeds=1, threads=2)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(args.threads)
    rows = []
    for seed in range(args.seeds):
        parts = digits(seed)
        wall, cpu = time.perf_counter(), time.process_time()
        value, tests = theirs(args, *map(tensors, parts), seed)
        rows.append({"program": f"Optuna {optuna.__version__} TPE, PyTorch {torch.__version__}", "seed": seed, "validation": value,
                     "test": spread(tests), "wall_seconds": round(time.perf_counter() - wall, 1),
                     "cpu_seconds": round(time.process_time() - cpu, 1)})
        wall = time.perf_counter()
        best, tests = ours(args, parts, seed)
        rows.append({"program": best["program"], "seed": seed, "validation": best["searched"], "test": spread(tests),
                     "wall_seconds": round(time.perf_counter() - wall, 1), "cpu_seconds": best["cpu_seconds"]})
        print(*rows[-2:], sep="\n", flush=True)
    write("torch_search", f"python benches/peers/torch_search.py --trials {args.trials} --seeds {args.seeds}", rows,
          trials=args.trials, threads=args.threads)


if __name__ == "__main__":
    main()
