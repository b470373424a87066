"""Inception's weights are fetched whole, checked and converted, or not at all. A local server stands in for GitHub, and
a small file for theirs."""

import hashlib
import io
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import torch

from oleander.io.artifacts import read_safetensors
from oleander.io.errors import OleanderError
from oleander.metrics import inception_weights
from oleander.metrics.inception_weights import SHA256, URL, fetch_inception

STATE = {"weight": torch.arange(6.0).view(2, 3).t(), "batches": torch.tensor(7)}


def saved(content, **options) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream, **options)
    return stream.getvalue()


@contextmanager
def served(content: bytes, announced: int | None = None, status: int = 200):
    """The address of a server that answers every request with `content`, announced to be of another length."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", str(len(content) if announced is None else announced))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/weights.pth"
    finally:
        server.shutdown()
        server.server_close()


def fetch(folder, content, sha256=None, **answer):
    with served(content, **answer) as url:
        fetch_inception(folder / "made" / "w.safetensors", url, sha256 or hashlib.sha256(content).hexdigest())


def refusal(folder, content, sha256=None, **answer) -> str:
    """The one sentence by which it is refused, with nothing written."""
    with pytest.raises(OleanderError) as caught:
        fetch(folder, content, sha256, **answer)
    assert not [path for path in folder.rglob("*") if path.is_file()], "something was left behind"
    said = str(caught.value)
    assert "\n" not in said
    assert "or set features.inception_weights to null" in said
    return said


@pytest.mark.parametrize("new_format", [True, False])
def test_a_good_file_is_converted_whatever_torch_wrote_it(tmp_path, new_format):
    """pytorch-fid's file is in torch's old format."""
    content = saved(STATE, _use_new_zipfile_serialization=new_format)
    fetch(tmp_path, content)
    found, _ = read_safetensors(tmp_path / "made" / "w.safetensors")
    assert found.keys() == STATE.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in STATE.items())
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["w.safetensors"]
    first = (tmp_path / "made" / "w.safetensors").read_bytes()
    fetch(tmp_path, content)
    assert (tmp_path / "made" / "w.safetensors").read_bytes() == first


def test_another_file_is_refused(tmp_path):
    content = saved(STATE)
    assert f"in place of {'0' * 64}" in refusal(tmp_path, content, "0" * 64)
    # The beginning of the hash is not enough.
    known = hashlib.sha256(content).hexdigest()
    assert "another file" in refusal(tmp_path, content, known[:-1] + ("0" if known[-1] != "0" else "1"))


def test_a_file_that_is_cut_off_is_refused(tmp_path):
    content = saved(STATE)
    whole = hashlib.sha256(content).hexdigest()
    assert "are cut off or another file" in refusal(tmp_path, content[:-10], whole)
    # As when the connection breaks.
    assert "are cut off or another file" in refusal(tmp_path, content[:-10], whole, announced=len(content))


@pytest.mark.parametrize("new_format", [True, False])
def test_a_pickle_with_code_is_refused_even_if_its_hash_is_right(tmp_path, new_format):
    class Bomb:
        def __reduce__(self):
            return open, (str(tmp_path / "exploded"), "w")

    content = saved({"weight": Bomb()}, _use_new_zipfile_serialization=new_format)
    assert "holds more than tensors" in refusal(tmp_path, content)
    torch.load(io.BytesIO(content), weights_only=False)
    assert (tmp_path / "exploded").exists(), "the bomb is none: this test shows nothing"


def test_what_is_no_state_dict_is_refused(tmp_path):
    assert "holds no tensors by name" in refusal(tmp_path, saved([torch.zeros(1)]))
    assert "holds no tensors by name" in refusal(tmp_path, saved({"weight": "text"}))
    assert "holds no tensors by name" in refusal(tmp_path, saved({}))
    assert "holds more than tensors" in refusal(tmp_path, b"not found")


def test_a_server_that_has_no_such_file_or_does_not_answer_is_one_sentence(tmp_path, monkeypatch):
    assert "cannot be downloaded (HTTP Error 404" in refusal(tmp_path, b"", status=404)
    with served(b"") as url:
        pass
    with pytest.raises(OleanderError, match=r"cannot be downloaded .* or convert the file by hand as the README says"):
        fetch_inception(tmp_path / "w.safetensors", url, SHA256)
    monkeypatch.setattr(inception_weights, "BYTES", 10)
    assert "more than 10 bytes" in refusal(tmp_path, saved(STATE))


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "made").write_text("a file, where a folder is wanted")
    with pytest.raises(OleanderError, match=r"cannot write .*w\.safetensors"):
        fetch(tmp_path, saved(STATE))


def test_the_known_hash_is_that_of_the_files_name():
    """torch.hub would hold the download against these eight digits, the last before the name's ending."""
    assert len(bytes.fromhex(SHA256)) == 32
    assert SHA256.startswith(URL.rpartition("-")[2].removesuffix(".pth"))
    assert URL.startswith("https://")
