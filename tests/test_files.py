"""What the workflow refuses to work in, before it runs anything; and whose commit it records."""

import os
import subprocess
import time

import pytest

from oleander.io.errors import OleanderError
from oleander.io.files import CLOCK_TOLERANCE, check_results_folder
from oleander.io.provenance import commit_of


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


def git(folder, *arguments):
    identity = ("-c", "user.email=a@b", "-c", "user.name=x", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", folder, *identity, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_commit_is_recorded_of_the_checkout_and_of_no_repository_around_it(tmp_path):
    """Unpacked without .git inside a thesis's repository, whose commit says nothing of the code."""
    (tmp_path / "thesis/oleander/results").mkdir(parents=True)
    thesis, checkout = tmp_path / "thesis", tmp_path / "thesis/oleander"
    (checkout / "code.py").write_text("1\n")
    git(thesis, "init", "-q")
    git(thesis, "commit", "-q", "--allow-empty", "-m", "my thesis")
    assert commit_of(checkout) == "unknown"
    git(thesis, "add", ".")
    git(thesis, "commit", "-q", "-m", "with code")
    assert commit_of(checkout) == "unknown"
    assert commit_of(thesis) == git(thesis, "rev-parse", "HEAD")
    git(checkout, "init", "-q")
    assert commit_of(checkout) == "unknown"
    git(checkout, "add", ".")
    git(checkout, "commit", "-q", "-m", "code")
    own = git(checkout, "rev-parse", "HEAD")
    assert commit_of(checkout) == own
    (tmp_path / "link").symlink_to(checkout)
    assert commit_of(tmp_path / "link") == own
    (checkout / "results/new.csv").touch()
    assert commit_of(checkout) == own
    (checkout / "code.py").write_text("2\n")
    assert commit_of(checkout) == f"{own}+changes"
    assert commit_of(tmp_path / "nowhere") == "unknown"
