"""Artifacts and atomic writes: what is read is what was written, or it is refused."""

import contextlib
import itertools
import json
import os
import resource
import stat

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from oleander.io.artifacts import TYPES, Rows, canonical_json, fingerprint, load_artifact, save_artifact
from oleander.io.errors import OleanderError
from oleander.io.files import atomic_path, sha256_of, write_json, write_text

TENSORS = {
    "float": torch.tensor([[1.5, float("nan")], [float("inf"), -0.0]]),
    "double": torch.linspace(0, 1, 5, dtype=torch.float64),
    "long": torch.tensor([-(2**63), 2**63 - 1]),
    "byte": torch.arange(7, dtype=torch.uint8),
    "bool": torch.tensor([True, False]),
    "scalar": torch.tensor(3.0),
    "empty": torch.zeros(0, 4),
    "strided": torch.arange(12.0).view(3, 4).T,
}
SETTINGS = {"name": "ö", "numbers": [1, 2.5, 1e-4, None, True], "nested": {"b": {}, "a": [[]]}}

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def save(path, tensors=TENSORS, settings=SETTINGS):
    save_artifact(path, tensors, settings)
    return path


def test_tensors_and_settings_survive(tmp_path):
    tensors, settings = load_artifact(save(tmp_path / "deep" / "er" / "a.safetensors"))
    assert settings == SETTINGS
    assert set(tensors) == set(TENSORS)
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert tensors[name].shape == tensor.shape
        assert tensors[name].contiguous().numpy().tobytes() == tensor.contiguous().numpy().tobytes()


def test_equal_content_is_equal_bytes(tmp_path):
    one = save(tmp_path / "one.safetensors").read_bytes()
    shuffled = dict(reversed(TENSORS.items())), dict(reversed(SETTINGS.items()))
    assert save(tmp_path / "two.safetensors", *shuffled).read_bytes() == one


def test_the_file_is_the_one_that_safetensors_writes(tmp_path):
    from safetensors import safe_open
    from safetensors.torch import save_file

    tensors = {name: tensor.contiguous() for name, tensor in TENSORS.items()}
    tensors |= {f"ä \\ {number}": torch.arange(number).to(dtype) for number, dtype in enumerate(TYPES)}
    path = save(tmp_path / "ours.safetensors", tensors)
    with safe_open(path, framework="pt") as stream:
        metadata = stream.metadata()
    save_file(tensors, tmp_path / "theirs.safetensors", metadata=metadata)
    assert path.read_bytes() == (tmp_path / "theirs.safetensors").read_bytes()


def rows(pieces, shape=(7, 2), dtype=torch.uint8):
    return Rows(dtype, shape, lambda: iter(pieces))


@pytest.mark.parametrize("sizes", [(7,), (3, 4), (1, 0, 5, 1)])
def test_pieces_make_the_file_that_the_whole_makes(tmp_path, sizes):
    whole = torch.arange(14, dtype=torch.uint8).view(7, 2)
    expected = save(tmp_path / "whole.safetensors", {"x": whole, "y": torch.arange(3)}).read_bytes()
    tensors = {"x": rows(whole.split(list(sizes))), "y": torch.arange(3)}
    assert save(tmp_path / "pieces.safetensors", tensors).read_bytes() == expected


@pytest.mark.parametrize(
    "pieces",
    [
        [torch.zeros(6, 2, dtype=torch.uint8)],
        [torch.zeros(7, 2, dtype=torch.uint8), torch.zeros(1, 2, dtype=torch.uint8)],
        [torch.zeros(7, 3, dtype=torch.uint8)],
        [torch.zeros(7, 2, dtype=torch.int8)],
        [],
    ],
)
def test_pieces_that_are_not_what_their_rows_say_leave_no_file(tmp_path, pieces):
    with pytest.raises(ValueError, match="x: "):
        save(tmp_path / "a.safetensors", {"x": rows(pieces)})
    assert not list(tmp_path.iterdir())


def test_mapped_bytes_are_equal_and_writing_to_them_does_not_change_the_file(tmp_path):
    path = save(tmp_path / "a.safetensors")
    content = path.read_bytes()
    tensors, settings = load_artifact(path, mapped=True)
    assert settings == SETTINGS
    assert torch.equal(tensors["byte"], TENSORS["byte"])
    assert torch.equal(tensors["long"], TENSORS["long"])
    tensors["byte"].fill_(9)
    tensors["long"].fill_(9)
    assert path.read_bytes() == content
    # A new file in the old one's place is not the one that was mapped.
    save(path, {"byte": torch.zeros(7, dtype=torch.uint8)})
    assert tensors["byte"].tolist() == [9] * 7


def test_tensors_with_shared_memory_or_gradients_are_copied(tmp_path):
    base = torch.arange(6.0, requires_grad=True)
    tensors, _ = load_artifact(save(tmp_path / "a.safetensors", {"a": base, "b": base[:3], "c": base}))
    assert tensors["b"].tolist() == [0, 1, 2]
    assert torch.equal(tensors["a"], tensors["c"])
    assert not tensors["a"].requires_grad


def test_read_tensors_do_not_hold_on_to_the_file(tmp_path):
    path = save(tmp_path / "a.safetensors")
    tensors, _ = load_artifact(path)
    before = tensors["double"].clone()
    tensors["long"].zero_()
    path.write_bytes(b"\0" * path.stat().st_size)
    assert torch.equal(tensors["double"], before)


def test_every_flipped_bit_is_noticed(tmp_path):
    """Header, settings and data: wherever a bit differs, the file is refused, even where it would read the same."""
    settings = {"step": 64, "part": "ö", "rate": 1e-05}
    path = save(tmp_path / "a.safetensors", {"x": torch.arange(3.0), "y": torch.tensor([1])}, settings)
    content = path.read_bytes()
    for position, bit in itertools.product(range(len(content)), range(8)):
        damaged = bytearray(content)
        damaged[position] ^= 1 << bit
        path.write_bytes(damaged)
        with pytest.raises(OleanderError, match=r"a\.safetensors is not a complete Oleander artifact .*; delete it"):
            load_artifact(path)


@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.9, 0.999])
def test_truncated_files_are_refused(tmp_path, share):
    path = save(tmp_path / "a.safetensors")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(OleanderError, match="not a complete Oleander artifact"):
        load_artifact(path)


def test_pickles_are_refused_and_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    path = tmp_path / "model.safetensors"
    for content in ({"weight": torch.zeros(3)}, Bomb()):
        torch.save(content, path)
        with pytest.raises(OleanderError, match="not a complete Oleander artifact"):
            load_artifact(path)
    assert not (tmp_path / "exploded").exists()


def test_safetensors_of_others_are_refused(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "theirs.safetensors"
    for metadata in (None, {"format": "pt"}, {"settings": "{}"}, {"settings": "{", "sha256": "0"}):
        save_file({"x": torch.zeros(2)}, path, metadata=metadata)
        with pytest.raises(OleanderError, match="not a complete Oleander artifact"):
            load_artifact(path)


def test_missing_files_and_folders_are_one_sentence(tmp_path):
    with pytest.raises(OleanderError, match="does not exist; run the rule that creates it"):
        load_artifact(tmp_path / "none.safetensors")
    with pytest.raises(OleanderError, match="not a complete Oleander artifact"):
        load_artifact(tmp_path)


@pytest.mark.parametrize("write", [save, lambda path: write_text(path, "x"), lambda path: write_json(path, {})])
def test_a_folder_that_is_a_file_is_one_sentence(tmp_path, write):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OleanderError, match=r"cannot write .*file.out\.safetensors"):
        write(tmp_path / "file" / "out.safetensors")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "kept"


@contextlib.contextmanager
def full_disk():
    """A limit on file size stands for a full disk: it, too, fails in the middle of writing.

    It holds for the whole process, so that nothing else may be written meanwhile: pytest's own report goes to a file
    where its output is redirected.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    "write",
    [lambda path: save(path, {"x": torch.zeros(100_000)}), lambda path: write_text(path, "x" * 100_000)],
    ids=["artifact", "text"],
)
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, write):
    path = tmp_path / "out.safetensors"
    path.write_text("old")
    with pytest.raises(OleanderError, match=f"cannot write {path}: .*; free some space"), full_disk():
        write(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.safetensors"]
    assert path.read_text() == "old"


def test_a_failure_inside_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "figure.pdf"
    write_text(path, "old")
    with contextlib.suppress(ZeroDivisionError), atomic_path(path) as temporary:
        assert temporary.suffix == ".pdf"
        assert temporary.parent == tmp_path
        temporary.write_text("half")
        raise ZeroDivisionError
    assert [entry.name for entry in tmp_path.iterdir()] == ["figure.pdf"]
    assert path.read_text() == "old"


def test_what_a_killed_writer_left_is_removed_and_a_living_ones_is_not(tmp_path):
    path = tmp_path / "a.txt"
    (tmp_path / ".partial-a-killed.txt").write_text("half")
    others = [".partial-a-killed.csv", ".partial-b-killed.txt", "a-killed.txt"]
    for name in others:
        (tmp_path / name).write_text("of another")
    with atomic_path(path) as slow:
        slow.write_text("slow")
        write_text(path, "quick")
        assert path.read_text() == "quick"
    assert path.read_text() == "slow"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([*others, "a.txt"])


def test_results_are_readable_as_the_mask_says(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a.txt", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


@given(json_values)
def test_canonical_json_is_json_and_one_to_one(value):
    assert json.loads(canonical_json(value)) == value
    assert fingerprint(json.loads(canonical_json(value))) == fingerprint(value)


def test_fingerprints_tell_settings_apart():
    different = [{}, {"a": 1}, {"a": "1"}, {"a": [1]}, {"a": None}, {"b": 1}, {"a": 1.5}, [], ["a", 1]]
    assert len({fingerprint(value) for value in different}) == len(different)
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"a": float("nan")})


def test_sha256_of_a_file(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_json_is_readable_and_whole(tmp_path):
    write_json(tmp_path / "a.json", {"ö": [1, 2]})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"ö": [1, 2]}
    assert text.endswith("\n")
    assert "ö" in text


def test_an_artifact_is_plain_safetensors_to_others(tmp_path):
    from safetensors.numpy import load_file

    read = load_file(save(tmp_path / "a.safetensors"))
    assert np.array_equal(read["strided"], np.arange(12.0).reshape(3, 4).T)
