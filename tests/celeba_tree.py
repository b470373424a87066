"""Small trees of images in exactly the layout of torchvision.datasets.CelebA, of its images' size or another."""

import numpy as np
from PIL import Image

from oleander.data.sources.celeba import ATTRIBUTES

WIDTH, HEIGHT = 178, 218


def jpeg(path, pixels, **options):
    """Write [height, width] or [height, width, 3] pixels."""
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path, "JPEG", quality=100, subsampling=0, **options)


def grey(number, size=(HEIGHT, WIDTH)):
    """A grey that tells the images apart, whatever the compression does."""
    return np.full(size, 2 * number)


def names_of(count):
    return [f"{number + 1:06}.jpg" for number in range(count)]


def attribute_lines(names, flags):
    """CelebA's list: the count, the attributes, and a line an image with columns of equal width."""
    lines = [
        " ".join([name, *(f"{1 if flag else -1:2}" for flag in row)]) for name, row in zip(names, flags, strict=True)
    ]
    return [str(len(names)), " ".join(ATTRIBUTES) + " ", *lines]


def partition_lines(names, parts):
    codes = np.repeat((0, 1, 2), parts)
    return [f"{name} {code}" for name, code in zip(names, codes, strict=True)]


def write_tree(root, flags, parts, name="celeba", size=(HEIGHT, WIDTH)):
    """A tree in exactly the layout of torchvision.datasets.CelebA, its folder called `name`."""
    folder, names = root / name, names_of(len(flags))
    (folder / "img_align_celeba").mkdir(parents=True)
    for number, name in enumerate(names):
        jpeg(folder / "img_align_celeba" / name, grey(number, size))
    write_lines(folder / "list_attr_celeba.txt", attribute_lines(names, flags))
    write_lines(folder / "list_eval_partition.txt", partition_lines(names, parts))
    return folder


def write_lines(path, lines):
    path.write_text("".join(f"{line}\n" for line in lines))
