"""Documents as openapi.json shows them."""

from collections.abc import Mapping

SUBMISSION: Mapping[str, object] = {
    "id": "hr/leave.md",
    "title": "Leave policy",
    "text": "# Leave\n\nUp to five days of unused leave carry over to the next year.",
    "media_type": "text/markdown",
    "metadata": {"team": "hr", "year": 2026},
    "acl": ["group:hr", "user:ann"],
    "occurred_at": "2026-05-01T00:00:00Z",
}
RESULT: Mapping[str, object] = {
    "id": "hr/leave.md",
    "status": "created",
    "version": 1,
    "revision": 1,
    "chunks": 1,
    "labels": [],
    "job_id": None,
    "error": None,
}
DOCUMENT: Mapping[str, object] = {
    "id": "hr/leave.md",
    "index": "handbook",
    "status": "live",
    "title": "Leave policy",
    "source_uri": None,
    "media_type": "text/markdown",
    "occurred_at": "2026-05-01T00:00:00Z",
    "metadata": {"team": "hr", "year": 2026},
    "acl": ["group:hr", "user:ann"],
    "labels": [],
    "version": 1,
    "revision": 3,
    "chunks": 1,
    "created_at": "2026-05-01T00:00:00Z",
    "updated_at": "2026-05-02T00:00:00Z",
    "offset": None,
}
RECEIPT: Mapping[str, object] = {
    "deleted": 1,
    "ids": ["hr/leave.md"],
    "missing": [],
    "dry_run": False,
    "job_id": None,
    "offset": 19,
}
CHUNK: Mapping[str, object] = {
    "chunk_id": "chk_0000000000401",
    "ordinal": 1,
    "span": [9, 69],
    "page": None,
    "heading_path": ["Leave"],
    "text": "Up to five days of unused leave carry over to the next year.",
}
VERSION: Mapping[str, object] = {
    "version": 1,
    "state": "live",
    "content_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "media_type": "text/markdown",
    "chunks": 1,
    "published_at": "2026-05-01T00:00:00Z",
}
