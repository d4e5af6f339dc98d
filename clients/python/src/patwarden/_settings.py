from __future__ import annotations

import ipaddress
import json
import math
import re
import ssl
import uuid
from dataclasses import dataclass
from pathlib import Path

import grpc

from patwarden import v1
from patwarden._secret import check_brand
from patwarden._version import __version__

DEFAULT_CHECK_TIMEOUT = 1.0
DEFAULT_TIMEOUT = 10.0

_USER_AGENT = f"patwarden-python/{__version__}"

# Retried when UNAVAILABLE, because a retry changes nothing more. CreateToken and RotateToken are safe by their
# request_id.
_REPEATABLE = {
    "TokenService": (
        "CreateToken",
        "GetToken",
        "GetTokenSummary",
        "ListTokens",
        "RevokeSecret",
        "RevokeToken",
        "RevokeTokens",
        "RotateToken",
    ),
    "SubjectService": ("GetSubject", "ListSubjects"),
    "PolicyService": ("GetPolicy",),
    "AuditService": ("ListAuditEvents",),
    "UsageService": ("QueryUsage",),
    "SelfService": (
        "ExplainToken",
        "GetCaller",
        "GetCatalog",
        "GetCreationLimits",
        "ListOrganizations",
        "ListReachable",
    ),
}

_SERVICE_CONFIG = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [
            {
                "name": [
                    {"service": "patwarden.v1.AuthorizationService"},
                    *(
                        {"service": f"patwarden.v1.{service}", "method": method}
                        for service, methods in _REPEATABLE.items()
                        for method in methods
                    ),
                ],
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.05s",
                    "maxBackoff": "1s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ],
        "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
    }
)

_CHECK_METHODS = frozenset(
    f"/patwarden.v1.AuthorizationService/{name}" for name in ("Check", "BatchCheck", "Introspect")
)


@dataclass(frozen=True)
class Settings:
    """The validated options of both clients."""

    endpoint: str
    brand: str
    ca: bytes | None
    client_certificate: bytes | None
    client_key: bytes | None
    plaintext: bool
    dangerously_send_key_in_plaintext: bool
    check_timeout: float
    timeout: float

    def __post_init__(self) -> None:
        check_brand(self.brand)
        if self.endpoint.startswith(("http://", "https://")):
            raise ValueError("endpoint must be host:port or a gRPC target, not a URL")
        for name, seconds in (("check_timeout", self.check_timeout), ("timeout", self.timeout)):
            if not 0 < seconds < math.inf:
                raise ValueError(f"{name} must be a number of seconds above 0")
        if (self.client_certificate is None) != (self.client_key is None):
            raise ValueError("client_certificate and client_key must be given together")
        if not self.is_plaintext:
            return
        if self.ca is not None or self.client_certificate is not None:
            raise ValueError("ca and client_certificate need TLS, and cannot be combined with plaintext")
        if not self.dangerously_send_key_in_plaintext and not is_loopback(self.endpoint):
            raise ValueError(
                f"plaintext is for loopback only, and {self.endpoint} is not: use TLS; "
                "dangerously_send_key_in_plaintext would show the service key and all tokens to the network"
            )

    @property
    def is_plaintext(self) -> bool:
        return self.plaintext or self.dangerously_send_key_in_plaintext

    def credentials(self) -> grpc.ChannelCredentials | None:
        """Returns `None` for plaintext."""
        if self.is_plaintext:
            return None
        return grpc.ssl_channel_credentials(
            self.ca if self.ca is not None else system_roots(), self.client_key, self.client_certificate
        )

    def channel_options(self) -> list[tuple[str, str | int]]:
        return [
            ("grpc.primary_user_agent", _USER_AGENT),
            ("grpc.service_config", _SERVICE_CONFIG),
            # By default gRPC waits up to two minutes before it reconnects, and 20 s for a server that is silent.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1_000),
            ("grpc.min_reconnect_backoff_ms", 5_000),
            # Detects a dead connection that was never closed; TCP takes a quarter of an hour. Without the last
            # option, a ping may take a minute.
            ("grpc.keepalive_time_ms", 20_000),
            ("grpc.keepalive_timeout_ms", 5_000),
            ("grpc.http2.ping_timeout_ms", 5_000),
            # An HTTP proxy could read the key, and does not know names of this machine.
            ("grpc.enable_http_proxy", 0 if self.is_plaintext else 1),
        ]

    def timeout_of(self, method: str) -> float:
        """Returns the default timeout of a method, seconds."""
        return self.check_timeout if method in _CHECK_METHODS else self.timeout


def authorization(key: object) -> str:
    """
    Returns the value of the `authorization` metadata. Checked here because gRPC puts invalid metadata into its error.
    """
    if not isinstance(key, str) or not re.fullmatch("[!-~]+", key):
        raise ValueError("the service key must be visible ASCII characters, without blanks or line ends")
    return f"Bearer {key}"


def repeatable(request: object) -> object:
    """Adds a `request_id` to a request that can have one and has none, so that a retry makes no second token."""
    if not isinstance(request, (v1.CreateTokenRequest, v1.RotateTokenRequest)) or request.request_id:
        return request
    copy = type(request)()
    copy.CopyFrom(request)  # type: ignore[arg-type]
    copy.request_id = str(uuid.uuid4())
    return copy


def is_loopback(endpoint: str) -> bool:
    if endpoint.startswith(("unix:", "unix-abstract:")):
        return True
    addresses = re.sub(r"^(dns:(///)?|ipv4:|ipv6:)", "", endpoint).split(",")
    return all(_is_loopback_host(_host_of(address)) for address in addresses)


def _host_of(address: str) -> str:
    match = re.fullmatch(r"\[(?P<v6>[0-9a-fA-F:.]+)\](:\d+)?|(?P<host>[^:\[\]/@%]+)(:\d+)?", address)
    return (match["v6"] or match["host"]) if match else ""


def _is_loopback_host(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def system_roots() -> bytes | None:
    """Returns the system's certificate authorities as PEM, or `None` if there are none: gRPC then uses its own."""
    context = ssl.create_default_context()
    folder = ssl.get_default_verify_paths().capath
    if not context.get_ca_certs() and folder is not None:
        # OpenSSL reads a folder only when it searches for an issuer.
        for file in Path(folder).glob("*.[0-9]"):
            context.load_verify_locations(file)
    return "".join(map(ssl.DER_cert_to_PEM_cert, context.get_ca_certs(binary_form=True))).encode() or None
