"""What a job says when it cannot go on: one sentence, whatever ran out."""

import logging
import os

import numpy as np
import pytest
import torch

from oleander.io.errors import OleanderError, plain_errors
from oleander.training.progress import begin_job

# More than any machine can give or promise.
TOO_MANY = 2**52


@pytest.fixture
def package_logger():
    """The package's logger, as it was before when the test is over."""
    logger = logging.getLogger("oleander")
    before, level = logger.handlers, logger.level
    # pytest's own handler does not take a wrong line.
    logger.propagate = False
    yield logger
    logger.handlers, logger.propagate = before, True
    logger.setLevel(level)


def sentence(what):
    """What plain_errors makes of an exception in `what`."""
    with pytest.raises(SystemExit) as caught, plain_errors():
        what()
    assert "\n" not in caught.value.code
    return caught.value.code


def fail(error):
    raise error


def test_only_our_own_errors_lose_their_traceback():
    assert sentence(lambda: fail(OleanderError("what, where, what to do"))) == "error: what, where, what to do"
    for error in (ZeroDivisionError(), RuntimeError("shapes do not match")):
        with pytest.raises(type(error)), plain_errors():
            raise error


def test_a_sentence_stands_in_the_jobs_log_too(package_logger, tmp_path, capsys):
    begin_job(tmp_path / "job.log", 1)
    sentence(lambda: fail(OleanderError("torch finds no GPU")))
    assert (tmp_path / "job.log").read_text().rstrip().endswith("INFO error: torch finds no GPU")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "allocate",
    [
        lambda: torch.empty(TOO_MANY),
        lambda: np.empty(TOO_MANY),
        lambda: bytearray(2**62),
        lambda: fail(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has 1 GiB.")),
        lambda: fail(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")),
    ],
    ids=["torch", "numpy", "python", "GPU", "cuBLAS"],
)
def test_memory_that_ran_out_is_one_sentence(allocate):
    said = sentence(allocate)
    assert said.startswith("error: memory ran out")
    assert said.endswith("give the job more memory or run fewer jobs at a time, then run the same command again")


def test_a_log_that_cannot_be_made_is_one_sentence(package_logger, tmp_path, capsys):
    (tmp_path / "file").touch()
    log = tmp_path / "file/job.log"
    assert sentence(lambda: begin_job(log, 1)).startswith(f"error: cannot write the log {log}: ")


@pytest.mark.skipif(
    not os.path.exists("/dev/full"), reason="needs /dev/full: the system has no device that is always full"
)
def test_a_full_disk_costs_lines_of_the_log_and_no_tracebacks(package_logger, capsys):
    begin_job("/dev/full", 1)
    package_logger.warning("said all the same")
    assert capsys.readouterr().err == "WARNING: said all the same\n"
    # Not so where the line itself is wrong.
    package_logger.info("%d", "no number")
    assert "Logging error" in capsys.readouterr().err
