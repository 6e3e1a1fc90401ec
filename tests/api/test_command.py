"""The mnemic command against a running service, as its user calls it."""

import json
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.support.service import COMMAND, Service, environment, made

pytestmark = pytest.mark.timeout(120)  # each call of the command is a process that starts


def mnemic(service: Service, *words: str, key: str | None = None) -> subprocess.CompletedProcess[str]:
    settings = {"MNEMIC_URL": service.url, "MNEMIC_API_KEY": key or service.key, "COLUMNS": "200"}
    return subprocess.run(
        [*COMMAND, *words], env=environment(**settings), capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hr").mkdir()
    (tmp_path / "hr" / "leave.md").write_text("# Leave\n\n## Carry-over\n\nUp to five days of unused leave carry over.")
    (tmp_path / "lunch ü.txt").write_text("Lunch is served from noon.")
    (tmp_path / ".hidden").write_text("not this")
    return tmp_path


def test_help_lists_the_commands() -> None:
    done = subprocess.run([*COMMAND, "--help"], env=environment(), capture_output=True, text=True, check=True)
    for command in ("serve", "ingest", "search", "doctor", "keys", "indexes", "memory"):
        assert command in done.stdout


def test_help_loads_nothing_heavy() -> None:
    heavy = ("fastapi", "onnxruntime", "sqlalchemy", "httpx", "pydantic")
    probe = f"import sys, api.cli; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([COMMAND[0], "-c", probe], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_folder_is_ingested_and_found(service: Service, operator: httpx.Client, folder: Path) -> None:
    done = mnemic(service, "ingest", str(folder), "--index", "cli", "--create", "--acl", "group:hr", "--metadata", "year=2026",
                  "--prefix", "p/")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "2 files: 2 created" in done.stderr
    document = made(operator.get("/v1/indexes/cli/documents/p/hr/leave.md"))
    assert (document["acl"], document["metadata"]) == (["group:hr"], {"year": 2026})
    again = mnemic(service, "ingest", str(folder), "--index", "cli", "--acl", "group:hr", "--metadata", "year=2026",
                   "--prefix", "p/")  # fmt: skip
    assert "2 unchanged" in again.stderr
    shown = mnemic(service, "search", "how many days carry over", "--index", "cli")
    assert "Leave" in shown.stdout
    assert "cli/p/hr/leave.md" in shown.stdout
    told = json.loads(mnemic(service, "search", "days", "--index", "cli", "--k", "1", "--json").stdout)
    assert [one["document_id"] for one in told["results"]] == ["p/hr/leave.md"]
    filtered = mnemic(service, "search", "days", "--index", "cli", "--filter", '{"eq": ["year", 1]}')
    assert "nothing found" in filtered.stdout


def test_failed_files_are_listed_with_their_reasons(service: Service, folder: Path, index: str) -> None:
    (folder / "cut.docx").write_bytes(b"PK\x03\x04" + bytes(500))
    (folder / "big.txt").symlink_to("/nowhere")
    done = mnemic(service, "ingest", str(folder), "--index", index)
    assert done.returncode == 1
    assert "2 created" in done.stderr
    assert "1 failed" in done.stderr
    assert "failed: cut.docx: " in done.stderr


def test_talking_to_a_service_loads_no_store() -> None:
    commands = "api.cli.ingest, api.cli.memory, api.cli.search"
    probe = f"import sys, {commands}; print('sqlalchemy' in sys.modules or 'fastapi' in sys.modules)"
    done = subprocess.run([COMMAND[0], "-c", probe], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_one_file_can_be_ingested(service: Service, folder: Path, index: str) -> None:
    done = mnemic(service, "ingest", str(folder / "hr" / "leave.md"), "--index", index)
    assert (done.returncode, "1 created" in done.stderr) == (0, True)


@pytest.mark.parametrize(
    "words, reason",
    [
        (("ingest", "{folder}", "--index", "nowhere"), "--create"),
        (("ingest", "{folder}/none", "--index", "cli"), "there is no file or folder"),
        (("ingest", "{folder}", "--index", "{index}", "--metadata", "x"), "key=value"),
        (("ingest", "{folder}", "--index", "{index}", "--acl", "nobody"), "kind:name"),
        (("search", "a", "--index", "nowhere"), "nowhere"),
        (("search", "a", "--filter", "{"), "no JSON"),
        (("search", "a", "--k", "0"), "k is 0"),
        (("keys", "create", "nobody", "--grant", "read"), "kind:name"),
        (("keys", "revoke", "key_none"), "key_none"),
        (("indexes", "create", "a b"), "a b"),
        (("memory", "import", "{folder}/none", "--user", "ann"), "there is no file"),
        (("memory", "import", "{folder}/hr/leave.md", "--user", "ann"), "its first line is no header"),
        (("memory", "import", "{folder}/hr/leave.md", "--user", "ann", "--format", "gpt"), "mnemic, mem0, zep, letta, chat"),
        (("memory", "export", "--user", "a b"), "a b"),
    ],
)
def test_what_is_wrong_is_one_line(service: Service, folder: Path, index: str, words: tuple[str, ...], reason: str) -> None:
    filled = [word.replace("{folder}", str(folder)).replace("{index}", index) for word in words]
    done = mnemic(service, *filled)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("mnemic: ")
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_no_service_is_said_with_the_way_out(service: Service) -> None:
    settings = {"MNEMIC_URL": "http://127.0.0.1:1", "MNEMIC_API_KEY": service.key}
    done = subprocess.run([*COMMAND, "search", "a"], env=environment(**settings), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "mnemic serve" in done.stderr


def test_the_operator_key_is_taken_from_the_data_folder(service: Service) -> None:
    settings = {"MNEMIC_URL": service.url, "MNEMIC_DATA": str(service.data)}
    done = subprocess.run([*COMMAND, "keys", "list"], env=environment(**settings), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_keys_are_made_listed_and_revoked(service: Service, index: str) -> None:
    made_key = mnemic(service, "keys", "create", "user:cli", "--grant", "read", "--principal", "group:hr")
    key = made_key.stdout.strip()
    assert key.startswith("mn_key_")
    assert mnemic(service, "search", "a", "--index", index, key=key).returncode == 0
    assert "user:cli" in mnemic(service, "keys", "list").stdout
    key_id = key.removeprefix("mn_").rpartition("_")[0]
    assert mnemic(service, "keys", "revoke", key_id).returncode == 0
    refused = mnemic(service, "search", "a", "--index", index, key=key)
    assert (refused.returncode, "revoked" in refused.stderr) == (2, True)


def test_indexes_are_made_listed_and_deleted(service: Service, operator: httpx.Client) -> None:
    assert mnemic(service, "indexes", "create", "made-by-hand", "--language", "german").returncode == 0
    assert "made-by-hand" in mnemic(service, "indexes", "list").stdout
    assert mnemic(service, "indexes", "delete", "made-by-hand", "--yes").returncode == 0
    assert operator.get("/v1/indexes/made-by-hand").status_code == 404


def test_a_memory_goes_out_into_a_file_and_in_again_in_parts(service: Service, tmp_path: Path) -> None:
    log, out = tmp_path / "log.json", tmp_path / "ann.ndjson"
    said = [{"role": "user", "content": f"Box {place}."} for place in range(600)]
    log.write_text(json.dumps([*said, {"role": "king", "content": "no"}]))
    done = mnemic(service, "memory", "import", str(log), "--user", "cli-ann", "--format", "chat")
    assert (done.returncode, "messages: 600 read, 600 added" in done.stderr) == (1, True), done.stderr
    assert "/600: role is 'king'" in done.stderr
    assert mnemic(service, "memory", "export", "--user", "cli-ann", "--out", str(out)).returncode == 0
    assert (
        mnemic(service, "memory", "export", "--user", "cli-ann").stdout.splitlines()[1:-1] == out.read_text().splitlines()[1:-1]
    )
    again = mnemic(service, "memory", "import", str(out), "--user", "cli-bob", "--json")
    assert json.loads(again.stdout)["counts"]["messages"]["added"] == 600
    out.write_text(out.read_text()[:5000])
    cut = mnemic(service, "memory", "import", str(out), "--user", "cli-cut")
    assert (cut.returncode, "not whole" in cut.stderr) == (2, True)
    part = mnemic(service, "memory", "import", str(out), "--user", "cli-cut", "--partial")
    assert (part.returncode, "lines: 1 read, 1 failed" in part.stderr) == (1, True)


def test_the_doctor_names_every_backend_and_the_model(service: Service) -> None:
    settings = {"MNEMIC_URL": service.url, "MNEMIC_DATA": str(service.data), "COLUMNS": "200"}
    done = subprocess.run([*COMMAND, "doctor"], env=environment(**settings), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    for word in ("sqlite", "embedded", "onnx", "as shipped", f"process {service.process.pid}", "is ready", "faiss-cpu"):
        assert word in done.stdout
