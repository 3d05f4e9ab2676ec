"""Dumps in S3, encrypted as the bucket has it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from boto3.exceptions import Boto3Error, S3UploadFailedError
from botocore.exceptions import ClientError

from collectors.aws import s3
from collectors.aws.errors import translated
from core.errors import PermanentCloudError, TransientCloudError
from dbops.backups import stores
from dbops.backups.attending import Beat, attended
from dbops.backups.errors import BackupError, NotMadeError

Result = TypeVar("Result")


class Bucket:
    """A bucket, or what is below a prefix of it."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._client: Any = _asked("s3", s3.new_client)

    def keep(self, draft: Path, name: str, beat: Beat) -> None:
        """Upload a file, large ones in parts; what is incomplete is nowhere to be seen."""
        upload = partial(self._client.upload_file, str(draft), self._bucket, self._key(name))
        attended(lambda: _asked(f"s3:PutObject {self.address(name)}", upload), beat)

    @contextmanager
    def fetched(self, name: str, beat: Beat) -> Iterator[Path]:
        """Download it again, so that what is looked at is what is stored."""
        with stores.draft(name) as file:
            with file.open("wb") as content:
                download = partial(self._client.download_fileobj, self._bucket, self._key(name), content)
                attended(lambda: _asked(f"s3:GetObject {self.address(name)}", download), beat)
            yield file

    def write(self, name: str, content: bytes) -> None:
        put = partial(self._client.put_object, Bucket=self._bucket, Key=self._key(name), Body=content)
        _asked(f"s3:PutObject {self.address(name)}", put)

    def names(self) -> Iterable[str]:
        pages = self._client.get_paginator("list_objects_v2")
        listing = partial(
            self._listed, pages.paginate(Bucket=self._bucket, Prefix=self._prefix, Delimiter="/")
        )
        return _asked(f"s3:ListBucket {self._bucket}", listing)

    def delete(self, name: str) -> None:
        gone = partial(self._client.delete_object, Bucket=self._bucket, Key=self._key(name))
        _asked(f"s3:DeleteObject {self.address(name)}", gone)

    def address(self, name: str) -> str:
        return f"s3://{self._bucket}/{self._key(name)}"

    def _listed(self, pages: Iterable[dict[str, Any]]) -> list[str]:
        return [
            found["Key"].removeprefix(self._prefix) for page in pages for found in page.get("Contents", ())
        ]

    def _key(self, name: str) -> str:
        return f"{self._prefix}{name}"


def _asked(what: str, call: Callable[[], Result]) -> Result:
    """Ask S3. Raises: BackupError where it refuses, NotMadeError where it does not answer."""
    try:
        with translated(what):
            try:
                return call()
            except S3UploadFailedError as error:
                # It hides the refusal, with its code, in its context.
                if isinstance(error.__context__, ClientError):
                    raise error.__context__ from None
                raise
    except TransientCloudError as error:
        raise NotMadeError(str(error)) from None
    except (PermanentCloudError, Boto3Error) as error:
        raise BackupError(str(error)) from None
