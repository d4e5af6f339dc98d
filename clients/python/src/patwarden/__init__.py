"""
Asks Patwarden whether the bearer of a token may do something.

    with Client("127.0.0.1:9081", key, plaintext=True) as patwarden:
        decision = patwarden.check(token, "document:roadmap", "viewer")
        print(decision.allowed, decision.reason)

`AsyncClient` is the same for asyncio. Guards of web frameworks are in `patwarden.fastapi`, `patwarden.starlette` and
`patwarden.django`; the generated messages in `patwarden.v1`.
"""

from patwarden._aio import AsyncClient
from patwarden._client import Client
from patwarden._errors import FieldViolation, PatwardenError
from patwarden._resources import AsyncResourceList, ResourceList
from patwarden._secret import ParsedSecret, Secret, parse_secret
from patwarden._types import CheckItem, Consistency, Decision, Introspection, Reason, RequestContext
from patwarden._version import __version__
from patwarden._wire import duration, timestamp

__all__ = [
    "AsyncClient",
    "AsyncResourceList",
    "CheckItem",
    "Client",
    "Consistency",
    "Decision",
    "FieldViolation",
    "Introspection",
    "ParsedSecret",
    "PatwardenError",
    "Reason",
    "RequestContext",
    "ResourceList",
    "Secret",
    "__version__",
    "duration",
    "parse_secret",
    "timestamp",
]
