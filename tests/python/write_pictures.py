"""Writes a data set of IDX files as folders of PNG files, for tests and measurements of reading pictures.

    python3 tests/python/write_pictures.py FOLDER_OF_IDX_FILES OUT [SAMPLES]

OUT gets train/CLASS/NUMBER.png and test/CLASS/NUMBER.png. Numbers count the samples, so that the order of the
file names is that of the IDX files. Needs NumPy and Pillow.
"""

import gzip
import pathlib
import sys

import numpy
from PIL import Image


def idx(folder, name):
    """The array in an IDX file of bytes, plain or gzipped."""
    plain = pathlib.Path(folder, name)
    content = plain.read_bytes() if plain.exists() else gzip.open(f"{plain}.gz").read()
    rank = content[3]
    dims = numpy.frombuffer(content, ">u4", rank, 4)
    return numpy.frombuffer(content, numpy.uint8, offset=4 + 4 * rank).reshape(dims)


def main(source, out, samples=None):
    for part, prefix in [("train", "train"), ("test", "t10k")]:
        images, labels = (idx(source, f"{prefix}-{kind}-ubyte") for kind in ["images-idx3", "labels-idx1"])
        for number, (image, label) in enumerate(zip(images[:samples], labels[:samples])):
            folder = pathlib.Path(out, part, str(label))
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / f"{number}.png")


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
