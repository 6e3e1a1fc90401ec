"""Every bound that the service puts on what it is given and on what it does. Those that an operator may move are
fields of `Limits`; the rest are facts of the design."""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

DOCUMENT_ID_BYTES_MAX = 512
DOCUMENTS_PER_REQUEST_MAX = 256
CHUNK_ORDINAL_BITS = 17  # a chunk's key is version << 17 | ordinal: 131,072 chunks a document, 7e13 versions
CHUNKS_PER_DOCUMENT_MAX = 1 << CHUNK_ORDINAL_BITS
PAGE_LIMIT_DEFAULT = 50
PAGE_LIMIT_MAX = 200
TITLE_CHARACTERS_MAX = 1_000
URI_CHARACTERS_MAX = 4_000
TIMEOUT_MS_DEFAULT = 10_000
TIMEOUT_MS_MAX = 60_000
IDEMPOTENCY_KEY_CHARACTERS_MAX = 255
IDEMPOTENCY_KEPT_S = 24 * 3600
ITEM_ATTEMPTS_MAX = 3  # failures that may pass (a model that is down) before an item is buried
ITEM_CLAIMS_MAX = 10  # claims without any progress: every one of them ended with a dead worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an operator may move. Bytes unless the name says otherwise."""

    body_bytes_max: int = 32 * MIB
    text_bytes_max: int = 10 * MIB
    file_bytes_max: int = 100 * MIB
    job_bytes_max: int = 2 * GIB
    job_files_max: int = 100_000
    query_bytes_max: int = 8 * KIB
    metadata_bytes_max: int = 16 * KIB
    metadata_keys_max: int = 64
    acl_principals_max: int = 64
    filter_nodes_max: int = 64
    filter_depth_max: int = 8
    filter_values_max: int = 1_000
    k_max: int = 100
    neighbors_max: int = 10
    indexes_per_search_max: int = 32
    message_bytes_max: int = 256 * KIB
    messages_per_call_max: int = 256
    import_bytes_max: int = 32 * MIB
    streams_max: int = 256
    streams_per_key_max: int = 32
