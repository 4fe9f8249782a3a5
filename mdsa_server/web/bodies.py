"""Reading a request's body: whatever is wrong with it is told as the caller's fault, here and nowhere else."""

import json
from typing import Any

import msgspec
from litestar import Request
from litestar.enums import RequestEncodingType
from litestar.exceptions import SerializationException
from litestar.params import BodyKwarg
from litestar.types import Empty
from litestar.typing import FieldDefinition

from mdsa_server.errors import InvalidRequest

MEND = "What each request takes is described at /schema."


class BodyReader(Request[Any, Any, Any]):
    """A request to a handler that may want a body."""

    async def body(self) -> bytes:
        """Read it; none is an empty object where nothing must be said. Raises InvalidRequest for a missing one."""
        body = await super().body()
        if not body and self._data.default is Empty:
            if self._is_json and not self._required:
                return b"{}"
            raise InvalidRequest(f"the body is missing; {self._wanted()} is wanted", MEND)
        return body

    async def json(self) -> Any:
        """Decode it. Raises InvalidRequest for what the decoder stumbles over without calling it a fault of JSON."""
        try:
            return await super().json()
        except SerializationException as error:
            # The decoder says that the end is missing, and so sends people looking there.
            if "truncated" in str(error) and _reads_as_json(await self.body()):
                raise InvalidRequest("the body holds half of a surrogate pair, which is no character", MEND) from error
            raise
        except UnicodeDecodeError as error:
            raise InvalidRequest("the body is not UTF-8", MEND) from error
        except RecursionError as error:
            raise InvalidRequest("the body is nested too deeply", MEND) from error

    @property
    def _data(self) -> FieldDefinition:
        data = self.route_handler.parsed_data_field
        assert data is not None  # noqa: S101  # a body is read for `data` alone
        return data

    def _wanted(self) -> str:
        form = "a JSON object" if self._is_json else "a form"
        names = " and ".join(f'"{name}"' for name in self._required)
        return f"{form} with {names}" if names else form

    @property
    def _is_json(self) -> bool:
        kwarg = self._data.kwarg_definition
        assert isinstance(kwarg, BodyKwarg)  # noqa: S101  # its type says in which form
        return kwarg.media_type == RequestEncodingType.JSON

    @property
    def _required(self) -> list[str]:
        return [field.encode_name for field in msgspec.structs.fields(self._data.annotation) if field.required]


def _reads_as_json(body: bytes) -> bool:
    """Whether Python's own decoder reads it, which takes half a pair for a character and leaves little else out."""
    try:
        json.loads(body)
    except ValueError:
        return False
    return True
