"""Accuracy against energy on three chips: `results/fronts.json`, and every network of a front in `results/fronts.csv`.

    TUNE_DATA_DIR=FOLDER python3 benches/results/fronts.py [--sets mnist fashion-mnist] [--chips loihi1 ...] [--budget 60]

One search of topologies per set and chip, on the first 10,000 training images; every network of its front is trained
with three fresh seeds and tested on the first 5,000 test images. ODIN has 256 rows for inputs and neurons, so it gets
images of 14 by 14. FOLDER has mnist and fashion-mnist. A search takes 1 to 15 minutes on one thread.
"""

import json

from common import arguments, first_images, run, study, write, write_csv, write_file

SIDES = {"odin": 14}
# Weights of 4 bits at most, which trainings round in their last epochs.
FEW_BITS = ["truenorth", "odin"]
# On TrueNorth a neuron reaches one core and has 128 inputs with weights of 2 bits: windows that barely overlap, and few
# channels below them. (channels, side, stride) of convolutions, and the width of the dense layer, of two that fit.
CROSSBAR_SIDES, CROSSBAR_STRIDES = [3, 1, 2, 4, 5, 6, 7], [1, 2, 3, 4]
CROSSBAR_STARTS = [([(32, 5, 3), (30, 2, 2), (15, 2, 2)], 64), ([(16, 4, 2), (14, 2, 2), (32, 3, 3)], 64)]
# Worst useful accuracy and energy (J) of a search.
REFERENCES = {
    "mnist": {"loihi1": "0.95,2e-5", "truenorth": "0.9,1e-4", "odin": "0.9,2e-5"},
    "fashion-mnist": {"loihi1": "0.82,2e-5", "truenorth": "0.76,1e-4", "odin": "0.76,2e-5"},
}


def words(args, dataset, chip):
    """The command line of a search."""
    side = SIDES.get(chip, 28)
    data = first_images(args, dataset, f"{dataset}10k-{side}", side)
    metrics = ["--metric", "accuracy", "--metric", "energy", "--reference", REFERENCES[dataset][chip]]
    space = json.loads(run(args, ["spaces", "show", "topologies"])[0].stdout)
    # The built-in space is for six times as many images; a smaller batch makes up for the steps.
    space["parameters"]["batch_size"]["value"] = 32
    if chip in FEW_BITS:
        space["parameters"]["quantized_epochs"] = {"type": "fixed", "value": 8}
        space["parameters"]["epochs"]["value"] = 16
    if chip == "truenorth":
        of = space["parameters"]["convolutions"]["of"]
        for key, choices in {"height": CROSSBAR_SIDES, "width": CROSSBAR_SIDES, "stride": CROSSBAR_STRIDES}.items():
            of[key]["choices"] = choices
        space["start"] = [start(convolutions, width) for convolutions, width in CROSSBAR_STARTS]
    file = write_file(args, f"topologies-{chip}.json", {key: value for key, value in space.items() if key != "$schema"})
    return ["--dataset", data, "--space", file, "--chip", chip, *metrics, "--search", "evolution", "--budget", str(args.budget), "--seed", "0"]


def start(convolutions, width):
    """A starting point of convolutions without pools, and a dense layer."""
    point = {"convolutions": len(convolutions), "dense": 1, "dense.1.width": width, "redundancy": 8, "input_coding": "threshold"}
    for layer, (channels, side, stride) in enumerate(convolutions, 1):
        values = {"channels": channels, "height": side, "width": side, "stride": stride, "padding": False, "pool": "none", "residual": False}
        point |= {f"convolutions.{layer}.{key}": value for key, value in values.items()}
    return point


def network(dataset, chip, member):
    """A confirmed network of a front: means of its fresh seeds, and the costs of the one that is kept."""
    confirmed = member["confirmed"]
    found = confirmed["network"]["chip"]
    neurobench = found["neurobench"]
    return {
        "set": dataset, "chip": chip, "topology": confirmed["network"]["topology"],
        "validation": round(confirmed["validation"]["spread"]["mean"], 5), "test": round(confirmed["test"]["spread"]["mean"], 5), "sd": round(confirmed["test"]["spread"]["sd"], 5),
        "energy_uj": significant(1e6 * confirmed["metrics"][1]["mean"]), "latency_us": significant(1e6 * found["latency_s"]),
        "cores": found["cores"], "parameters": neurobench["ParameterCount"], "footprint_bytes": neurobench["Footprint"],
        "connection_sparsity": neurobench["ConnectionSparsity"], "activation_sparsity": round(neurobench["ActivationSparsity"], 4),
        "effective_macs": round(neurobench["SynapticOperations"]["Effective_MACs"]),
        "effective_acs": round(neurobench["SynapticOperations"]["Effective_ACs"]),
    }


def significant(value):
    """Four significant digits."""
    return float(f"{value:.4g}")


def summary(networks, best):
    """The most accurate network in the validation, and the cheapest at most half a point and two points below it."""
    top = max(networks, key=lambda one: one["validation"])
    near = lambda points: (one for one in networks if one["validation"] >= top["validation"] - points / 100)
    within = lambda points: min(near(points), key=lambda one: one["energy_uj"])
    shown = [dict(one, what=what) for what, one in (("best", top), ("half", within(0.5)), ("two", within(2)))]
    return {
        "set": top["set"], "chip": top["chip"], "trials": best["trials"], "networks": len(networks),
        "cpu_seconds": best["cpu_seconds"], "shown": shown,
    }


def main():
    args = arguments(__doc__, sets=["mnist", "fashion-mnist"], chips=["loihi1", "truenorth", "odin"], budget=60)
    networks, rows = [], []
    for dataset in args.sets:
        for chip in args.chips:
            best = study(args, f"fronts-{dataset}-{chip}", words(args, dataset, chip))
            front = [network(dataset, chip, member) for member in best["front"] if member.get("confirmed", {}).get("test")]
            networks += sorted(front, key=lambda one: -one["test"])
            rows.append(summary(front, best))
            print(rows[-1], flush=True)
    command = f"python3 benches/results/fronts.py --sets {' '.join(args.sets)} --chips {' '.join(args.chips)} --budget {args.budget}"
    write("fronts", command, rows)
    write_csv("fronts", networks)


if __name__ == "__main__":
    main()
