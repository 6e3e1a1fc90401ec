"""Settings: defaults, the environment, what is refused, and the page that documents them."""

from dataclasses import fields
from pathlib import Path

import pytest

from api.settings import LimitSettings, OpenAIEmbedder, PostgresDatabase, Settings, load_settings, refuse_unknown, setting_names
from api.settings_reference import TARGET, render
from core.errors import Invalid
from core.limits import Limits


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's settings of mnemic."""
    import os

    for name in [name for name in os.environ if name.startswith("MNEMIC_")]:
        monkeypatch.delenv(name)


def test_nothing_set_is_one_machine_without_a_network() -> None:
    settings = load_settings()
    assert (settings.host, settings.port, settings.data) == ("127.0.0.1", 8321, Path("mnemic-data"))
    assert (settings.database.kind, settings.engine.kind, settings.embedder.kind) == ("sqlite", "embedded", "onnx")
    assert settings.text_model.kind == "none"
    assert settings.limits.values() == Limits()


def test_every_limit_is_a_setting() -> None:
    assert set(LimitSettings.model_fields) == {one.name for one in fields(Limits)}
    assert LimitSettings().values() == Limits()


def test_backends_are_chosen_by_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "MNEMIC_DATABASE__KIND": "postgres",
        "MNEMIC_DATABASE__URL": "postgresql://u:hushed@h/n",
        "MNEMIC_EMBEDDER__KIND": "openai",
        "MNEMIC_EMBEDDER__URL": "http://localhost/v1",
        "MNEMIC_EMBEDDER__MODEL": "m",
        "MNEMIC_EMBEDDER__DIMENSION": "8",
        "MNEMIC_EMBEDDER__API_KEY": "sk-hushed",
        "MNEMIC_LIMITS__K_MAX": "7",
        "MNEMIC_INGEST_ROOTS": "/a:/b",
    }.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert isinstance(settings.database, PostgresDatabase)
    assert isinstance(settings.embedder, OpenAIEmbedder)
    assert settings.embedder.dimension == 8
    assert settings.limits.values().k_max == 7
    assert settings.ingest_roots == (Path("/a"), Path("/b"))
    assert "hushed" not in repr(settings)


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMIC_PORT", "1111")
    assert load_settings(port=2222, host=None).port == 2222
    assert load_settings().port == 1111


@pytest.mark.parametrize(
    "name, nearest",
    [
        ("MNEMIC_PROT", "MNEMIC_PORT"),
        ("MNEMIC_LIMITS_K_MAX", "MNEMIC_LIMITS__K_MAX"),
        ("mnemic_databse__url", "MNEMIC_DATABASE__URL"),
        ("MNEMIC_ZZZZZZ", "docs/reference/settings.md"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(Invalid) as refused:
        refuse_unknown({name: "1", "PATH": "/bin"})
    assert name in refused.value.message
    assert nearest in refused.value.message


def test_names_of_others_pass() -> None:
    refuse_unknown({"MNEMIC_TEST_QDRANT_URL": "", "MNEMIC_EVAL_DATA": "", "MNEMIC_API_KEY": "", "MNEMIC_URL": "", "HOME": ""})
    refuse_unknown(dict.fromkeys(setting_names(), "1"))


@pytest.mark.parametrize(
    "name, value, told",
    [
        ("MNEMIC_PORT", "70000", "MNEMIC_PORT"),
        ("MNEMIC_SEARCH__DENSE_WEIGHT", "1.5", "MNEMIC_SEARCH__DENSE_WEIGHT"),
        ("MNEMIC_OPERATOR_KEY", "too short", "MNEMIC_OPERATOR_KEY"),
        ("MNEMIC_EMBEDDER__KIND", "magic", "MNEMIC_EMBEDDER__KIND: must be one of onnx,"),
        ("MNEMIC_EMBEDDER__KIND", "openai", "MNEMIC_EMBEDDER__URL"),
        ("MNEMIC_EMBEDDER__DEVICE", "cpu", "MNEMIC_EMBEDDER__KIND"),
    ],
)
def test_a_wrong_value_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Invalid) as refused:
        load_settings()
    assert told in refused.value.message
    assert "too short" not in refused.value.message


def test_the_page_of_settings_is_current() -> None:
    assert TARGET.read_text(encoding="utf-8") == render(), "run: python -m api.settings_reference"


def test_every_setting_says_what_it_means() -> None:
    page = render()
    assert [name for name in setting_names() if f"`{name}`" not in page] == []
    assert "| None |" not in page
    assert all(field.description for name, field in Settings.model_fields.items() if name != "kind")
