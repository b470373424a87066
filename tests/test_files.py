"""The folder of results: what the workflow refuses to work in, before it runs anything."""

import os
import subprocess
import time

import pytest

from oleander.io.errors import OleanderError
from oleander.io.files import CLOCK_TOLERANCE, check_results_folder


def refusal(folder):
    with pytest.raises(OleanderError) as caught:
        check_results_folder(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_that_is_there_or_can_be_made_will_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("results/demo", tmp_path / "results/demo", tmp_path):
        check_results_folder(folder)
    assert not list(tmp_path.iterdir())


def test_a_folder_without_room_for_a_file_is_refused(tmp_path):
    """/proc refuses files even to root, whom no mode keeps from writing."""
    assert refusal("/proc/results/demo").startswith("cannot write to /proc: ")


def date(path, seconds):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (time.time() + seconds,) * 2)


def test_a_file_dated_after_now_is_refused_until_its_date_is_put_right(tmp_path):
    folder = tmp_path / "demo"
    ahead = folder / "data/set.safetensors"
    date(ahead, 86400)
    date(folder / "old.csv", -86400)
    said = refusal(folder)
    assert said.startswith(f"{ahead} is dated ")
    subprocess.run(said.partition(" now with: ")[2], shell=True, check=True)
    check_results_folder(folder)
    assert (folder / "old.csv").stat().st_mtime < time.time() - 80000


def test_a_file_server_may_be_a_little_ahead(tmp_path):
    date(tmp_path / "a.csv", CLOCK_TOLERANCE / 2)
    check_results_folder(tmp_path)
