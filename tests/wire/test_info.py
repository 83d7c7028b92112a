import json

from langsmith import schemas
from packaging.version import Version

from runstore.limits import BODY_DECODED_BYTES_MAX, PARTS_MAX
from runstore.wire.info import encode_info


def test_the_sdk_chooses_compressed_multipart() -> None:
    info = schemas.LangSmithInfo(**json.loads(encode_info("0.1.0")))
    flags, batch = info.instance_flags, info.batch_ingest_config
    assert flags is not None
    assert batch is not None
    assert flags["zstd_compression_enabled"] is True
    assert (flags["ch_query_enabled"], flags["sdb_query_enabled"]) == (True, False)
    assert batch["use_multipart_endpoint"] is True


def test_every_key_the_sdk_indexes_is_there() -> None:
    batch = json.loads(encode_info("0.1.0"))["batch_ingest_config"]
    assert set(batch) == set(schemas.BatchIngestConfig.__annotations__)
    assert all(value is not None for value in batch.values())


def test_the_version_passes_for_the_level_we_speak() -> None:
    version = Version(json.loads(encode_info("0.1.0"))["version"])
    assert version >= Version("0.16.14")
    assert version < Version("0.17")
    assert version.local == "runstore.0.1.0"


def test_a_batch_we_ask_for_is_a_batch_we_take() -> None:
    batch = json.loads(encode_info("0.1.0"))["batch_ingest_config"]
    assert batch["size_limit_bytes"] < BODY_DECODED_BYTES_MAX
    assert batch["size_limit"] * 8 < PARTS_MAX
