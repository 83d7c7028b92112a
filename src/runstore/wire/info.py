"""GET /info: what this server is and takes, in the words the SDK reads.

Source: docs/wire.md#info.
"""

import orjson

from runstore.limits import BATCH_BYTES, BATCH_RUNS, PAGE_RUNS_MAX

# The level of the hosted API that we speak: below 0.16.14 the SDK warns.
SPOKEN_VERSION = "0.16.14"


def encode_info(version: str) -> bytes:
    """`version` is Runstore's own; after a plus it plays no part when versions are compared.

    All keys of batch_ingest_config must be there: the SDK indexes them without a default.
    """
    return orjson.dumps(
        {
            "version": f"{SPOKEN_VERSION}+runstore.{version}",
            "license_expiration_time": None,
            "batch_ingest_config": {
                "use_multipart_endpoint": True,
                "scale_up_qsize_trigger": 1000,
                "scale_up_nthreads_limit": 16,
                "scale_down_nempty_trigger": 4,
                "size_limit": BATCH_RUNS,
                "size_limit_bytes": BATCH_BYTES,
            },
            "instance_flags": {
                "zstd_compression_enabled": True,
                "gzip_body_enabled": True,
                "ch_query_enabled": True,  # else the SDK leaves out load_child_runs
                "sdb_query_enabled": False,
                "dataset_examples_multipart_enabled": False,
                "examples_multipart_enabled": False,
                "blob_storage_enabled": True,
                "search_enabled": True,
                "runstore_page_runs_max": PAGE_RUNS_MAX,  # our client asks for larger pages
            },
            "customer_info": None,
        }
    )
