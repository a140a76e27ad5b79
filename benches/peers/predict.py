"""`tune predict` beside PyTorch and ONNX Runtime on one core: a network of 784-512-512-100 neurons.

    python predict.py [--tune target/release/tune] [--images 100000] [--rounds 5]

Needs `torch`, `onnx`, `onnxruntime` and `numpy`. The weights are random whole numbers of 8 bits; about 15 %
of the inputs and of each hidden layer's neurons are active. All programs get the same network and the same
bytes, and must decide alike on every image. They take turns. The least CPU time of each counts, since other
programs on the machine do not change it; the least wall time stands beside it.

"Computing alone" has the images as floats in memory and ends with the class of each image. "From file to file"
reads the NPZ file and writes `sample,class` as CSV, the start of the program left out for the peers and counted
for `tune`.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile
import time

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper

WIDTHS = (784, 512, 512, 100)
CLASSES = 10
ACTIVE = 0.15
# Images at once; the fastest counts.
BATCHES = (256, 1024, 4096)


def network(rng, images):
    """Weights (inputs, neurons) and thresholds by layer; about 15 % of the hidden neurons fire."""
    layers, spikes = [], images[:2000].astype(np.float64)
    for inputs, neurons in zip(WIDTHS, WIDTHS[1:]):
        weights = rng.integers(-127, 128, (inputs, neurons)).astype(np.float64)
        sums = spikes @ weights
        thresholds = np.ceil(np.quantile(sums, 1 - ACTIVE, axis=0))
        layers.append((weights, thresholds))
        spikes = (sums >= thresholds).astype(np.float64)
    return layers


def signs():
    """(output neurons, classes): +1 where a neuron votes for a class, else -1."""
    return 2.0 * np.repeat(np.eye(CLASSES), WIDTHS[-1] // CLASSES, axis=0) - 1.0


def save(path, layers):
    """The network as a .safetensors file of `tune` (docs/predict.md has its form)."""
    key = (signs().T > 0).astype(np.uint8)
    description = {
        "schema": 1,
        "inputs": {"shape": [28, 28, 1], "levels": 1, "scaling": {"kind": "levels"}, "classes": [str(c) for c in range(CLASSES)]},
        "coding": {"kind": "graded"},
    }
    meta = {"format": "binary-network-2", "input_max": "1", "description": json.dumps(description)}
    tensors = [("key", "U8", key)]
    for at, (weights, thresholds) in enumerate(layers):
        meta[f"layers.{at}.exponent"] = "0"
        meta[f"layers.{at}.wiring"] = json.dumps({"kind": "dense", "inputs": weights.shape[0], "outputs": weights.shape[1]})
        meta[f"layers.{at}.sources"] = json.dumps([at])
        tensors += [(f"layers.{at}.weights", "F64", weights.T), (f"layers.{at}.thresholds", "F64", thresholds)]
    header, data = {"__metadata__": meta}, b""
    for name, kind, values in sorted(tensors, key=lambda tensor: tensor[1]):
        content = np.ascontiguousarray(values).tobytes()
        header[name] = {"dtype": kind, "shape": list(values.shape), "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


class Torch:
    """The network in PyTorch, in 32-bit floats: every sum is a whole number below 2^24, so it is exact."""

    name = f"PyTorch {torch.__version__}"

    def __init__(self, layers):
        torch.set_num_threads(1)
        self.layers = [(torch.tensor(w.T, dtype=torch.float32), torch.tensor(t, dtype=torch.float32)) for w, t in layers]
        self.signs = torch.tensor(signs(), dtype=torch.float32)

    def decide(self, images):
        with torch.inference_mode():
            spikes = torch.from_numpy(images)
            for weights, thresholds in self.layers:
                spikes = (torch.nn.functional.linear(spikes, weights) >= thresholds).float()
            return (spikes @ self.signs).argmax(1).numpy()


class Onnx:
    """The same graph in ONNX Runtime."""

    name = f"ONNX Runtime {onnxruntime.__version__}"

    def __init__(self, layers):
        nodes, constants, below = [], [], "images"
        for at, (weights, thresholds) in enumerate(layers):
            constants += [self.constant(f"w{at}", weights), self.constant(f"t{at}", thresholds)]
            nodes += [
                helper.make_node("MatMul", [below, f"w{at}"], [f"sums{at}"]),
                helper.make_node("GreaterOrEqual", [f"sums{at}", f"t{at}"], [f"fires{at}"]),
                helper.make_node("Cast", [f"fires{at}"], [f"spikes{at}"], to=TensorProto.FLOAT),
            ]
            below = f"spikes{at}"
        constants.append(self.constant("signs", signs()))
        nodes += [
            helper.make_node("MatMul", [below, "signs"], ["scores"]),
            helper.make_node("ArgMax", ["scores"], ["class"], axis=1, keepdims=0),
        ]
        images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", WIDTHS[0]])
        classes = helper.make_tensor_value_info("class", TensorProto.INT64, ["batch"])
        graph = helper.make_graph(nodes, "network", [images], [classes], constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.checker.check_model(model)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])

    @staticmethod
    def constant(name, values):
        values = values.astype(np.float32)
        return helper.make_tensor(name, TensorProto.FLOAT, values.shape, values.flatten())

    def decide(self, images):
        return self.session.run(None, {"images": images})[0]


def batched(peer, images, batch):
    return np.concatenate([peer.decide(images[at : at + batch]) for at in range(0, len(images), batch)])


def file_to_file(peer, source, target, batch):
    images = np.load(source)["x"].reshape(-1, WIDTHS[0])
    parts = range(0, len(images), batch)
    classes = np.concatenate([peer.decide(images[at : at + batch].astype(np.float32)) for at in parts])
    with target.open("w") as file:
        file.write("sample,class\n")
        file.writelines(f"{sample},{decided}\n" for sample, decided in enumerate(classes.tolist()))
    return classes


def cpu():
    """CPU seconds of this program and of those that it started."""
    return sum(os.times()[:4])


def timed(task):
    """CPU and wall seconds, and the result."""
    before = cpu(), time.perf_counter()
    result = task()
    return (cpu() - before[0], time.perf_counter() - before[1]), result


def predicted(file):
    """The classes in a table of predictions."""
    return np.array([int(line.split(",")[1]) for line in file.read_text().splitlines()[1:]])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tune", default="target/release/tune")
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    # The peers have one thread; so has `tune`, and all stay on one core.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rng = np.random.default_rng(1)
    images = (rng.random((args.images, WIDTHS[0])) < ACTIVE).astype(np.uint8)
    layers, floats = network(rng, images), images.astype(np.float32)
    peers = [Torch(layers), Onnx(layers)]
    best = {}

    def measure(name, task):
        seconds, result = timed(task)
        best[name] = tuple(map(min, best.get(name, seconds), seconds))
        return result

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        save(folder / "net.safetensors", layers)
        np.savez(folder / "images.npz", x=images.reshape(-1, 28, 28))
        command = [str(pathlib.Path(args.tune).resolve()), "predict", "net.safetensors", "images.npz"]
        command += ["--out", "classes.csv", "--threads", "1"]
        for _ in range(args.rounds):
            tune = lambda: subprocess.run(command, cwd=folder, check=True, capture_output=True)
            measure("tune predict, from file to file", tune)
            ours = predicted(folder / "classes.csv")
            for peer in peers:
                for batch in BATCHES:
                    theirs = measure(f"{peer.name}, computing alone", lambda: batched(peer, floats, batch))
                    assert np.array_equal(ours, theirs), f"{peer.name} decides otherwise on some images"
                target = folder / "peer.csv"
                theirs = measure(f"{peer.name}, from file to file", lambda: file_to_file(peer, folder / "images.npz", target, 1024))
                assert np.array_equal(ours, theirs), f"{peer.name} decides otherwise on some images"
    own = best["tune predict, from file to file"][0]
    print(f"{args.images} images, the same classes by all; the best of {args.rounds}, by CPU and by wall time")
    for name, (cpu_time, wall) in best.items():
        rates = f"{args.images / cpu_time:12,.0f} {args.images / wall:12,.0f} images/s"
        print(f"{name:46} {rates} {cpu_time / own:8.2f} times the CPU time of tune predict")


if __name__ == "__main__":
    main()
