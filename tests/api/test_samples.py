"""Every example of the documentation, taken out of the OpenAPI document and run as it stands: curl in a
shell, Python in a process of its own with the client, against a server, with a key of a sandbox.
"""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from campaigns import sandbox
from config.api.document import document, operations_in
from config.api.samples import METHODS, VARIABLES
from tests.api.sandboxes import Sandbox, nothing_differs

CLIENT = Path(__file__).parents[2] / "clients/python/src"
# What a shell's own settings would be: the status behind each answer.
CURL_SETTINGS = 'silent\nshow-error\nnoproxy = "*"\nwrite-out = "\\n%{http_code}"\n'
# Each script with the variables of its own, one after the other in one process: to start one takes longest.
RUNNER = textwrap.dedent(
    """
    import contextlib, io, json, os, sys
    told = {}
    for name, (source, variables) in json.load(sys.stdin).items():
        os.environ.update(variables)
        with contextlib.redirect_stdout(io.StringIO()) as said:
            exec(compile(source, name, "exec"), {"__name__": "__main__"})
        told[name] = said.getvalue()
    print(json.dumps(told))
    """
)


def sources(label: str) -> dict[str, str]:
    """The examples in that language, by operation."""
    return {
        operation["operationId"]: next(
            sample["source"] for sample in operation["x-codeSamples"] if sample["label"] == label
        )
        for _path, _method, operation in operations_in(document("en"))
    }


@pytest.fixture
def box(live_server: LiveServer, settings: Settings) -> Sandbox:
    """A sandbox as every partner finds it: the examples use nothing that is not in it."""
    settings.SITE_URL = live_server.url
    return Sandbox()


@pytest.fixture
def curl() -> str:
    """Where it is; without it, and only where CI demands it, the test comes here and fails."""
    found = shutil.which("curl")
    return found or pytest.fail("The examples need curl (on Debian: apt install curl).", pytrace=False)


def done(box: Sandbox, path: str, **body: Any) -> Any:
    answer = box.post(path, **body)
    assert answer.status_code == 201, answer.content
    return answer.json()


def variables_for(box: Sandbox) -> Callable[[], dict[str, str]]:
    """What a reader would have filled in, new for each example: a hold ends once."""
    member = f"ref:{sandbox.MEMBER}"
    member_id = done(box, "earn", member=member, points=1)["member"]

    def variables() -> dict[str, str]:
        return {
            "KEY": box.partner.text,
            "MEMBER_ID": member_id,
            "GIFT_ID": done(box, "gifts", campaign=sandbox.GIFTS)["id"],
            "HOLD_ID": done(box, "holds", member=member, points=50)["id"],
            "TRANSFER_ID": done(box, "spend", member=member, points=40)["id"],
        }

    return variables


def test_every_operation_has_an_example_in_both_languages(settings: Settings) -> None:
    settings.SITE_URL = "https://points.example.com"
    names = {operation["operationId"] for _path, _method, operation in operations_in(document("en"))}
    assert sources("curl").keys() == sources("Python").keys() == METHODS.keys() == names
    assert all("https://points.example.com" in source for source in sources("curl").values())


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("curl")
def test_every_example_in_curl_is_answered(box: Sandbox, tmp_path: Path) -> None:
    (tmp_path / ".curlrc").write_text(CURL_SETTINGS)
    variables = variables_for(box)
    refused = {}
    for name, source in sources("curl").items():
        given = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CURL_HOME": str(tmp_path)} | variables()
        ran = subprocess.run(
            ["sh", "-euc", source], env=given, capture_output=True, text=True, timeout=60, check=False
        )
        body, _newline, status = ran.stdout.rpartition("\n")
        if ran.returncode or not status.startswith("2"):
            refused[name] = (ran.returncode, status, ran.stderr, body)
            continue
        assert shapes_of(name).is_valid(json.loads(body)), name
    assert refused == {}
    nothing_differs()


@pytest.mark.django_db(transaction=True)
def test_every_example_in_python_runs(box: Sandbox) -> None:
    variables = variables_for(box)
    scripts = {name: (source, variables()) for name, source in sources("Python").items()}
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUNNER],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CLIENT), "NO_PROXY": "*"},
        input=json.dumps(scripts),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert [name for name in scripts if not told[name].strip()] == []
    nothing_differs()


def shapes_of(name: str) -> Draft202012Validator:
    """What the document says of the answer to that call."""
    found = document("en")
    content = next(
        told["content"]["application/json"]
        for _path, _method, operation in operations_in(found)
        for status, told in operation["responses"].items()
        if operation["operationId"] == name and status < "3"
    )
    return Draft202012Validator({**content["schema"], "components": found["components"]})


def examples() -> Iterator[tuple[str, Any]]:
    for _path, _method, operation in operations_in(document("en")):
        for status, told in operation["responses"].items():
            if status < "3":
                yield operation["operationId"], told["content"]["application/json"]["example"]


def test_the_example_of_each_answer_fits_its_shape() -> None:
    for name, example in examples():
        assert [error.message for error in shapes_of(name).iter_errors(example)] == [], name


def test_an_example_of_an_answer_has_every_field_and_a_broken_one_is_noticed() -> None:
    told = dict(dict(examples())["hold_points"])  # the document itself is kept for all
    assert told.pop("state") == "open"
    assert not shapes_of("hold_points").is_valid(told)


def test_the_variables_are_those_that_the_examples_use() -> None:
    used = {
        name for name in VARIABLES.values() if any(f"${name}" in text for text in sources("curl").values())
    }
    assert used == {*VARIABLES.values()}
