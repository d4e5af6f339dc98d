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
    """Why a decision is what it is, see `reason.proto`."""

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
    """The server is newer than this client: use `allowed` and `token_valid`."""

    __str__ = str.__str__


class Consistency(Enum):
    """How fresh OpenFGA's answer must be."""

    MINIMIZE_LATENCY = v1.CONSISTENCY_MINIMIZE_LATENCY
    """May use the caches that the operator enabled."""
    HIGHER_CONSISTENCY = v1.CONSISTENCY_HIGHER_CONSISTENCY
    """Bypasses every cache."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What the backend knows about the bearer's request."""

    client_ip: str | None = None
    """The bearer's IPv4 or IPv6 address without port. `None`: unknown, and tokens that are limited to networks are
    refused."""
    usage_units: int | None = None
    """Units to bill if the request is allowed, 0 to 1,000,000. `None`: 1."""
    usage_id: str | None = None
    """Id of the billed request, up to 128 visible ASCII characters: a subject is billed once in 24 hours for an id.
    `None`: each decision is billed."""


@dataclass(frozen=True, slots=True)
class CheckItem:
    """One check of a batch, with the fields of `check`."""

    token: str | Secret = field(repr=False)
    resource: str
    action: str
    context: RequestContext | None = None
    consistency: Consistency | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the bearer of a token is allowed, and why. A denial is a decision; when none could be made, a
    `PatwardenError` is raised instead."""

    allowed: bool
    """True only if every step allowed the request."""
    reason: Reason
    token_valid: bool
    """False: the token cannot be used (answer 401). True: it can, but perhaps not for this (answer 403)."""
    subject: str | None = None
    """Who the token acts as, `user:alice`. Set whenever the token was recognized, also for refusals."""
    token_id: str | None = None
    """The public id of the token, `tok_...`, which may be shown and logged. Set as `subject` is."""
    organization: str | None = None
    """The organization that the token is bound to, or is."""
    expire_time: datetime | None = None
    """When the token expires (UTC). `None` when it never expires or was not recognized."""
    claims: Mapping[str, str] = field(default_factory=dict)
    """The requested claims that the token has. Empty unless `token_valid`."""

    @classmethod
    def allow(
        cls, subject: str, *, organization: str | None = None, claims: Mapping[str, str] | None = None
    ) -> Decision:
        """Makes the decision of a host's own verifier that this subject is allowed."""
        return cls(True, Reason.ALLOWED, True, subject, organization=organization, claims=dict(claims or {}))


@dataclass(frozen=True, slots=True)
class Introspection:
    """The state of a token."""

    active: bool
    """True if the token can be used now."""
    reason: Reason
    """`ALLOWED` if it is active, otherwise why not."""
    token: v1.Token | None
    """The token without its metadata, if it is active."""
