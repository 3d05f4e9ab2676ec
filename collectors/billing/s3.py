"""Billing files in S3."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from collectors.aws import s3
from collectors.aws.errors import translated
from collectors.billing.stores import MOST_MANIFEST_BYTES, Entry, replaced
from core.errors import PermanentCloudError

Result = TypeVar("Result")

_CHUNK_BYTES = 1 << 20


class Bucket:
    """A bucket, or what is below a prefix of it."""

    def __init__(self, bucket: str, prefix: str, attach: Callable[[Any], None]) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._client = _asked(f"A client for s3://{bucket}", s3.new_client)
        attach(self._client)

    def entries(self) -> dict[str, Entry]:
        pages = self._client.get_paginator("list_objects_v2")
        listing = partial(self._listed, pages.paginate(Bucket=self._bucket, Prefix=self._prefix))
        return _asked(f"s3:ListBucket {self.address('')}", listing)

    def _listed(self, pages: Iterable[dict[str, Any]]) -> dict[str, Entry]:
        found = (one for page in pages for one in page.get("Contents", ()))
        return {
            one["Key"].removeprefix(self._prefix): Entry(
                one["ETag"].strip('"'), one["Size"], one["LastModified"].astimezone(UTC)
            )
            for one in found
            if not one["Key"].endswith("/")
        }

    def read(self, key: str) -> bytes:
        def content() -> bytes:
            answer = self._client.get_object(Bucket=self._bucket, Key=f"{self._prefix}{key}")
            read: bytes = answer["Body"].read(MOST_MANIFEST_BYTES)
            return read

        return _asked(f"s3:GetObject {self.address(key)}", content)

    @contextmanager
    def fetched(self, key: str, entry: Entry, scratch: Path) -> Iterator[Path]:
        """Download it to the scratch folder, piece by piece."""
        file = scratch / Path(key).name
        try:
            _asked(f"s3:GetObject {self.address(key)}", partial(self._download, key, entry, file))
            yield file
        finally:
            file.unlink(missing_ok=True)

    def _download(self, key: str, entry: Entry, file: Path) -> None:
        try:
            answer = self._client.get_object(
                Bucket=self._bucket, Key=f"{self._prefix}{key}", IfMatch=f'"{entry.etag}"'
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in {"PreconditionFailed", "412"}:
                raise replaced(self.address(key)) from None
            raise
        with file.open("wb") as written:
            for chunk in answer["Body"].iter_chunks(_CHUNK_BYTES):
                written.write(chunk)

    def address(self, key: str) -> str:
        return f"s3://{self._bucket}/{self._prefix}{key}"


def _asked(what: str, call: Callable[[], Result]) -> Result:
    """Ask S3. Raises: TransientCloudError, AccessRefusedError, PermanentCloudError."""
    try:
        with translated(what):
            return call()
    except OSError as error:
        raise PermanentCloudError(f"{what} could not be stored: {error.strerror}.") from None
