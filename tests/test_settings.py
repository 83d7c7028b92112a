"""Settings: the command line wins over the environment, the environment over the default."""

from pathlib import Path

import pytest

from runstore.settings import Settings, SettingsError, folder_settings, key_hash, settings_from

HASH = key_hash("secret")


@pytest.mark.parametrize(
    ("environment", "said", "expected"),
    [
        ({}, {}, Settings()),
        ({"RUNSTORE_HOST": "::1"}, {}, Settings(host="::1")),
        ({"RUNSTORE_HOST": "::1"}, {"host": "localhost"}, Settings(host="localhost")),
        ({"RUNSTORE_HOST": ""}, {"host": None}, Settings()),
        ({"RUNSTORE_PORT": "0"}, {}, Settings(port=0)),
        ({"RUNSTORE_PORT": "80"}, {"port": 0}, Settings(port=0)),
        ({"RUNSTORE_DATA": "/d"}, {}, Settings(data=Path("/d"))),
        ({"RUNSTORE_DATA": "/d"}, {"data": Path("/e")}, Settings(data=Path("/e"))),
        ({"RUNSTORE_PRICES": "p.json"}, {}, Settings(prices=Path("p.json"))),
        ({"RUNSTORE_LOG_LEVEL": "error"}, {}, Settings(log_level="error")),
        ({"RUNSTORE_INSECURE": "1"}, {}, Settings(insecure=True)),
        ({"RUNSTORE_INSECURE": "False"}, {}, Settings(insecure=False)),
        ({"RUNSTORE_INSECURE": "0"}, {"insecure": True}, Settings(insecure=True)),
        ({"RUNSTORE_PAGE_PROCESSES": "0"}, {}, Settings(page_processes=0)),
        ({"RUNSTORE_INGEST_QUEUE_MIB": "64"}, {}, Settings(ingest_queue_mib=64)),
        ({"RUNSTORE_QUERY_SECONDS": "60"}, {}, Settings(query_seconds=60)),
        ({"RUNSTORE_QUERY_ROWS": "1"}, {}, Settings(query_rows=1)),
        ({"RUNSTORE_QUERY_PAYLOAD_MIB": "8192"}, {}, Settings(query_payload_mib=8192)),
        ({"RUNSTORE_QUERY_MEMORY_MIB": "64"}, {}, Settings(query_memory_mib=64)),
        (
            {
                "RUNSTORE_QUERY_MODEL_URL": " http://127.0.0.1:11434/v1 ",
                "RUNSTORE_QUERY_MODEL_NAME": "small",
                "RUNSTORE_QUERY_MODEL_KEY": "secret",
            },
            {},
            Settings(
                query_model_url="http://127.0.0.1:11434/v1",
                query_model_name="small",
                query_model_key="secret",
            ),
        ),
        ({"RUNSTORE_API_KEYS": " secret ,"}, {}, Settings(api_key_hashes=(HASH,))),
        ({"RUNSTORE_API_KEY_HASHES": HASH.upper()}, {}, Settings(api_key_hashes=(HASH,))),
    ],
)
def test_settings_come_from(
    environment: dict[str, str], said: dict[str, object], expected: Settings
) -> None:
    assert settings_from(said, environment) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RUNSTORE_PORT", "http"),
        ("RUNSTORE_PORT", "65536"),
        ("RUNSTORE_PORT", "-1"),
        ("RUNSTORE_PAGE_PROCESSES", "2"),
        ("RUNSTORE_QUERY_SECONDS", "0"),
        ("RUNSTORE_QUERY_SECONDS", "1.5"),
        ("RUNSTORE_QUERY_ROWS", "all"),
        ("RUNSTORE_QUERY_MEMORY_MIB", "9" * 5_000),
        ("RUNSTORE_LOG_LEVEL", "loud"),
        ("RUNSTORE_API_KEY_HASHES", "secret"),
    ],
)
def test_a_setting_that_means_nothing_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        settings_from({}, {name: value})


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"URL": "http://h/v1"}, "RUNSTORE_QUERY_MODEL_NAME"),
        ({"NAME": "small"}, "RUNSTORE_QUERY_MODEL_URL"),
        ({"KEY": "secret"}, "RUNSTORE_QUERY_MODEL_URL"),
        ({"URL": "h/v1", "NAME": "small"}, "RUNSTORE_QUERY_MODEL_URL"),
        ({"URL": "http://h:port/v1", "NAME": "small"}, "RUNSTORE_QUERY_MODEL_URL"),
        ({"URL": "http://h/v1", "NAME": "small", "KEY": "a\nb"}, "RUNSTORE_QUERY_MODEL_KEY"),
    ],
)
def test_a_model_that_cannot_be_asked_is_said_at_the_start(
    environment: dict[str, str], named: str
) -> None:
    given = {f"RUNSTORE_QUERY_MODEL_{name}": value for name, value in environment.items()}
    with pytest.raises(SettingsError, match=named):
        settings_from({}, given)
    with pytest.raises(SettingsError, match=named):
        folder_settings(Path("/d"), given)


def test_the_key_of_a_model_is_not_shown() -> None:
    assert "secret" not in repr(Settings(query_model_key="secret"))


def test_a_wrong_hash_is_not_repeated_in_the_error() -> None:
    with pytest.raises(SettingsError) as raised:
        settings_from({}, {"RUNSTORE_API_KEY_HASHES": "my-plain-key"})
    assert "my-plain-key" not in str(raised.value)


@pytest.mark.parametrize(
    ("settings", "exposed"),
    [
        (Settings(), False),
        (Settings(host="localhost"), False),
        (Settings(host="::1"), False),
        (Settings(host="0.0.0.0"), True),
        (Settings(host="::"), True),
        (Settings(host="192.168.1.2"), True),
        (Settings(host="0.0.0.0", api_key_hashes=(HASH,)), False),
    ],
    ids=str,
)
def test_exposed_means_reachable_by_anyone(settings: Settings, exposed: bool) -> None:
    assert settings.is_exposed is exposed


def test_a_folder_opened_in_this_process_asks_the_environment_for_prices_and_budgets() -> None:
    everything = {
        "RUNSTORE_DATA": "/other",
        "RUNSTORE_PRICES": "p.json",
        "RUNSTORE_PORT": "none",
        "RUNSTORE_API_KEYS": "secret",
        "RUNSTORE_QUERY_ROWS": "7",
    }
    folder = Path("/d")
    assert folder_settings(folder, {}) == Settings(data=folder, ingest_processes=0)
    found = folder_settings(folder, everything)
    assert found == Settings(data=folder, prices=Path("p.json"), ingest_processes=0, query_rows=7)
