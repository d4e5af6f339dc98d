from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from patwarden import v1

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from patwarden._secret import Secret


class Reason(str, Enum):
    """Why a decision came out as it did. The server's README says of each what to answer to the bearer."""

    ALLOWED = "ALLOWED"
    TOKEN_MALFORMED = "TOKEN_MALFORMED"
    TOKEN_UNKNOWN = "TOKEN_UNKNOWN"
    TOKEN_EXPIRED = "TOKEN_EXPIRED"
    TOKEN_NOT_YET_VALID = "TOKEN_NOT_YET_VALID"
    TOKEN_REVOKED = "TOKEN_REVOKED"
    TOKEN_SUSPENDED = "TOKEN_SUSPENDED"
    TOKEN_PENDING_APPROVAL = "TOKEN_PENDING_APPROVAL"
    TOKEN_SUPERSEDED = "TOKEN_SUPERSEDED"
    SUBJECT_DISABLED = "SUBJECT_DISABLED"
    NETWORK_NOT_ALLOWED = "NETWORK_NOT_ALLOWED"
    NOT_GRANTED = "NOT_GRANTED"
    POLICY = "POLICY"
    NOT_PERMITTED = "NOT_PERMITTED"
    NOT_A_MEMBER = "NOT_A_MEMBER"
    UNRECOGNIZED = "UNRECOGNIZED"
    """Of a server newer than this client: go by `allowed` and `token_valid`."""

    __str__ = str.__str__


class Consistency(Enum):
    """How fresh OpenFGA's answer must be."""

    MINIMIZE_LATENCY = v1.CONSISTENCY_MINIMIZE_LATENCY
    """Caches of the operator's OpenFGA may answer, where the operator switched them on."""
    HIGHER_CONSISTENCY = v1.CONSISTENCY_HIGHER_CONSISTENCY
    """Goes past every cache."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What a backend knows about the bearer's own request."""

    client_ip: str | None = None
    """The bearer's address, IPv4 or IPv6 without port. `None`: not known, which refuses a token that is limited to
    networks."""
    usage_units: int | None = None
    """What the request is billed when it is allowed, 0 to 1,000,000. `None`: 1."""
    usage_id: str | None = None
    """Id of the request that is billed, up to 128 visible ASCII characters: under the same id a subject is billed
    once in 24 hours. `None`: each decision is billed."""


@dataclass(frozen=True, slots=True)
class CheckItem:
    """One question of a batch; the fields are those of `check`."""

    token: str | Secret = field(repr=False)
    resource: str
    action: str
    context: RequestContext | None = None
    consistency: Consistency | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the bearer of a token may, and why. A denial is a decision; when none could be made, there is a
    `PatwardenError` instead."""

    allowed: bool
    """True only when every step said yes."""
    reason: Reason
    token_valid: bool
    """False: the token is no good (answer 401). True: a good token, allowed or not (403 when not)."""
    subject: str | None = None
    """Who the token acts as, `user:alice`. Told whenever the token was recognized, on refusals too."""
    token_id: str | None = None
    """Public id of the token, `tok_...`, as `subject`. It may be shown and logged."""
    organization: str | None = None
    """The organization that the token is bound to, or is."""
    expire_time: datetime | None = None
    """When the token ends by itself (UTC). `None` when it never does or was not recognized."""
    claims: Mapping[str, str] = field(default_factory=dict)
    """The claims asked for that the token has. Empty unless `token_valid`."""

    @classmethod
    def allow(
        cls, subject: str, *, organization: str | None = None, claims: Mapping[str, str] | None = None
    ) -> Decision:
        """For a host's own verifier: its word that this subject may."""
        return cls(True, Reason.ALLOWED, True, subject, organization=organization, claims=dict(claims or {}))


@dataclass(frozen=True, slots=True)
class Introspection:
    """What a token is."""

    active: bool
    """Whether a check with this token could allow anything now."""
    reason: Reason
    """`ALLOWED` when active, otherwise why not."""
    token: v1.Token | None
    """Without its metadata. Only when active."""
