from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from patwarden.v1 import reason_pb2 as _reason_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Operation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATION_UNSPECIFIED: _ClassVar[Operation]
    OPERATION_UPDATE: _ClassVar[Operation]
    OPERATION_ROTATE: _ClassVar[Operation]
    OPERATION_REVOKE: _ClassVar[Operation]
    OPERATION_SUSPEND: _ClassVar[Operation]
    OPERATION_RESUME: _ClassVar[Operation]
    OPERATION_APPROVE: _ClassVar[Operation]
    OPERATION_DENY: _ClassVar[Operation]
    OPERATION_REVOKE_SECRET: _ClassVar[Operation]

class RevocationReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REVOCATION_REASON_UNSPECIFIED: _ClassVar[RevocationReason]
    REVOCATION_REASON_REQUESTED: _ClassVar[RevocationReason]
    REVOCATION_REASON_LEAKED: _ClassVar[RevocationReason]
    REVOCATION_REASON_SUBJECT_DELETED: _ClassVar[RevocationReason]
    REVOCATION_REASON_REUSE_DETECTED: _ClassVar[RevocationReason]
    REVOCATION_REASON_UNUSED: _ClassVar[RevocationReason]
    REVOCATION_REASON_ADMINISTRATIVE: _ClassVar[RevocationReason]

class TokenKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOKEN_KIND_UNSPECIFIED: _ClassVar[TokenKind]
    TOKEN_KIND_USER: _ClassVar[TokenKind]
    TOKEN_KIND_ORGANIZATION: _ClassVar[TokenKind]
OPERATION_UNSPECIFIED: Operation
OPERATION_UPDATE: Operation
OPERATION_ROTATE: Operation
OPERATION_REVOKE: Operation
OPERATION_SUSPEND: Operation
OPERATION_RESUME: Operation
OPERATION_APPROVE: Operation
OPERATION_DENY: Operation
OPERATION_REVOKE_SECRET: Operation
REVOCATION_REASON_UNSPECIFIED: RevocationReason
REVOCATION_REASON_REQUESTED: RevocationReason
REVOCATION_REASON_LEAKED: RevocationReason
REVOCATION_REASON_SUBJECT_DELETED: RevocationReason
REVOCATION_REASON_REUSE_DETECTED: RevocationReason
REVOCATION_REASON_UNUSED: RevocationReason
REVOCATION_REASON_ADMINISTRATIVE: RevocationReason
TOKEN_KIND_UNSPECIFIED: TokenKind
TOKEN_KIND_USER: TokenKind
TOKEN_KIND_ORGANIZATION: TokenKind

class Token(_message.Message):
    __slots__ = ("id", "subject", "name", "description", "state", "grant", "allowed_cidrs", "metadata", "create_time", "not_before", "expire_time", "last_use_time", "revoke_time", "created_by", "revocation_reason", "secrets", "etag", "organization", "claims", "never_expires", "usable", "blocked_by", "created_via", "last_use_ip", "self_rotate", "approval", "suspension", "permitted", "approved_before", "justification")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Token.State]
        STATE_ACTIVE: _ClassVar[Token.State]
        STATE_PENDING_APPROVAL: _ClassVar[Token.State]
        STATE_SUSPENDED: _ClassVar[Token.State]
        STATE_EXPIRED: _ClassVar[Token.State]
        STATE_REVOKED: _ClassVar[Token.State]
        STATE_DENIED: _ClassVar[Token.State]
    STATE_UNSPECIFIED: Token.State
    STATE_ACTIVE: Token.State
    STATE_PENDING_APPROVAL: Token.State
    STATE_SUSPENDED: Token.State
    STATE_EXPIRED: Token.State
    STATE_REVOKED: Token.State
    STATE_DENIED: Token.State
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class ClaimsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_CIDRS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    NOT_BEFORE_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_USE_TIME_FIELD_NUMBER: _ClassVar[int]
    REVOKE_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    REVOCATION_REASON_FIELD_NUMBER: _ClassVar[int]
    SECRETS_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    ORGANIZATION_FIELD_NUMBER: _ClassVar[int]
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    NEVER_EXPIRES_FIELD_NUMBER: _ClassVar[int]
    USABLE_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_BY_FIELD_NUMBER: _ClassVar[int]
    CREATED_VIA_FIELD_NUMBER: _ClassVar[int]
    LAST_USE_IP_FIELD_NUMBER: _ClassVar[int]
    SELF_ROTATE_FIELD_NUMBER: _ClassVar[int]
    APPROVAL_FIELD_NUMBER: _ClassVar[int]
    SUSPENSION_FIELD_NUMBER: _ClassVar[int]
    PERMITTED_FIELD_NUMBER: _ClassVar[int]
    APPROVED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    JUSTIFICATION_FIELD_NUMBER: _ClassVar[int]
    id: str
    subject: str
    name: str
    description: str
    state: Token.State
    grant: Grant
    allowed_cidrs: _containers.RepeatedScalarFieldContainer[str]
    metadata: _containers.ScalarMap[str, str]
    create_time: _timestamp_pb2.Timestamp
    not_before: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    last_use_time: _timestamp_pb2.Timestamp
    revoke_time: _timestamp_pb2.Timestamp
    created_by: str
    revocation_reason: RevocationReason
    secrets: _containers.RepeatedCompositeFieldContainer[Secret]
    etag: str
    organization: str
    claims: _containers.ScalarMap[str, str]
    never_expires: bool
    usable: _reason_pb2.Reason
    blocked_by: _containers.RepeatedScalarFieldContainer[str]
    created_via: str
    last_use_ip: str
    self_rotate: bool
    approval: Approval
    suspension: Suspension
    permitted: _containers.RepeatedScalarFieldContainer[Operation]
    approved_before: ApprovedFacts
    justification: str
    def __init__(self, id: _Optional[str] = ..., subject: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., state: _Optional[_Union[Token.State, str]] = ..., grant: _Optional[_Union[Grant, _Mapping]] = ..., allowed_cidrs: _Optional[_Iterable[str]] = ..., metadata: _Optional[_Mapping[str, str]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., not_before: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., last_use_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., revoke_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., created_by: _Optional[str] = ..., revocation_reason: _Optional[_Union[RevocationReason, str]] = ..., secrets: _Optional[_Iterable[_Union[Secret, _Mapping]]] = ..., etag: _Optional[str] = ..., organization: _Optional[str] = ..., claims: _Optional[_Mapping[str, str]] = ..., never_expires: bool = ..., usable: _Optional[_Union[_reason_pb2.Reason, str]] = ..., blocked_by: _Optional[_Iterable[str]] = ..., created_via: _Optional[str] = ..., last_use_ip: _Optional[str] = ..., self_rotate: bool = ..., approval: _Optional[_Union[Approval, _Mapping]] = ..., suspension: _Optional[_Union[Suspension, _Mapping]] = ..., permitted: _Optional[_Iterable[_Union[Operation, str]]] = ..., approved_before: _Optional[_Union[ApprovedFacts, _Mapping]] = ..., justification: _Optional[str] = ...) -> None: ...

class ApprovedFacts(_message.Message):
    __slots__ = ("grant", "allowed_cidrs", "not_before", "expire_time", "never_expires", "approval", "self_rotate")
    GRANT_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_CIDRS_FIELD_NUMBER: _ClassVar[int]
    NOT_BEFORE_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    NEVER_EXPIRES_FIELD_NUMBER: _ClassVar[int]
    APPROVAL_FIELD_NUMBER: _ClassVar[int]
    SELF_ROTATE_FIELD_NUMBER: _ClassVar[int]
    grant: Grant
    allowed_cidrs: _containers.RepeatedScalarFieldContainer[str]
    not_before: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    never_expires: bool
    approval: Approval
    self_rotate: bool
    def __init__(self, grant: _Optional[_Union[Grant, _Mapping]] = ..., allowed_cidrs: _Optional[_Iterable[str]] = ..., not_before: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., never_expires: bool = ..., approval: _Optional[_Union[Approval, _Mapping]] = ..., self_rotate: bool = ...) -> None: ...

class Approval(_message.Message):
    __slots__ = ("decided_by", "time", "comment")
    DECIDED_BY_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    decided_by: str
    time: _timestamp_pb2.Timestamp
    comment: str
    def __init__(self, decided_by: _Optional[str] = ..., time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., comment: _Optional[str] = ...) -> None: ...

class Suspension(_message.Message):
    __slots__ = ("by", "time", "comment")
    BY_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    by: str
    time: _timestamp_pb2.Timestamp
    comment: str
    def __init__(self, by: _Optional[str] = ..., time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., comment: _Optional[str] = ...) -> None: ...

class Secret(_message.Message):
    __slots__ = ("id", "hint", "create_time", "expire_time", "current", "last_use_time")
    ID_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    LAST_USE_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    hint: str
    create_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    current: bool
    last_use_time: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., hint: _Optional[str] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., current: bool = ..., last_use_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Grant(_message.Message):
    __slots__ = ("full", "rules")
    FULL_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    full: bool
    rules: _containers.RepeatedCompositeFieldContainer[Rule]
    def __init__(self, full: bool = ..., rules: _Optional[_Iterable[_Union[Rule, _Mapping]]] = ...) -> None: ...

class Rule(_message.Message):
    __slots__ = ("actions", "resources")
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    actions: _containers.RepeatedScalarFieldContainer[str]
    resources: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, actions: _Optional[_Iterable[str]] = ..., resources: _Optional[_Iterable[str]] = ...) -> None: ...

class CreateTokenRequest(_message.Message):
    __slots__ = ("subject", "name", "description", "grant", "ttl", "expire_time", "never_expires", "not_before", "allowed_cidrs", "metadata", "request_id", "validate_only", "organization", "claims", "self_rotate", "justification")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class ClaimsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    NEVER_EXPIRES_FIELD_NUMBER: _ClassVar[int]
    NOT_BEFORE_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_CIDRS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    ORGANIZATION_FIELD_NUMBER: _ClassVar[int]
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    SELF_ROTATE_FIELD_NUMBER: _ClassVar[int]
    JUSTIFICATION_FIELD_NUMBER: _ClassVar[int]
    subject: str
    name: str
    description: str
    grant: Grant
    ttl: _duration_pb2.Duration
    expire_time: _timestamp_pb2.Timestamp
    never_expires: bool
    not_before: _timestamp_pb2.Timestamp
    allowed_cidrs: _containers.RepeatedScalarFieldContainer[str]
    metadata: _containers.ScalarMap[str, str]
    request_id: str
    validate_only: bool
    organization: str
    claims: _containers.ScalarMap[str, str]
    self_rotate: bool
    justification: str
    def __init__(self, subject: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., grant: _Optional[_Union[Grant, _Mapping]] = ..., ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., never_expires: bool = ..., not_before: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., allowed_cidrs: _Optional[_Iterable[str]] = ..., metadata: _Optional[_Mapping[str, str]] = ..., request_id: _Optional[str] = ..., validate_only: bool = ..., organization: _Optional[str] = ..., claims: _Optional[_Mapping[str, str]] = ..., self_rotate: bool = ..., justification: _Optional[str] = ...) -> None: ...

class CreateTokenResponse(_message.Message):
    __slots__ = ("token", "secret")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    token: Token
    secret: str
    def __init__(self, token: _Optional[_Union[Token, _Mapping]] = ..., secret: _Optional[str] = ...) -> None: ...

class GetTokenRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetTokenResponse(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: Token
    def __init__(self, token: _Optional[_Union[Token, _Mapping]] = ...) -> None: ...

class ListTokensRequest(_message.Message):
    __slots__ = ("subject", "states", "page_size", "page_token", "created_by", "organization", "expire_before", "last_used_before", "query", "kind", "bound", "blocked", "full", "never_expires", "revocation_reasons", "order_by")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    ORGANIZATION_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_BEFORE_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    BOUND_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    FULL_FIELD_NUMBER: _ClassVar[int]
    NEVER_EXPIRES_FIELD_NUMBER: _ClassVar[int]
    REVOCATION_REASONS_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    subject: str
    states: _containers.RepeatedScalarFieldContainer[Token.State]
    page_size: int
    page_token: str
    created_by: str
    organization: str
    expire_before: _timestamp_pb2.Timestamp
    last_used_before: _timestamp_pb2.Timestamp
    query: str
    kind: TokenKind
    bound: bool
    blocked: bool
    full: bool
    never_expires: bool
    revocation_reasons: _containers.RepeatedScalarFieldContainer[RevocationReason]
    order_by: str
    def __init__(self, subject: _Optional[str] = ..., states: _Optional[_Iterable[_Union[Token.State, str]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., created_by: _Optional[str] = ..., organization: _Optional[str] = ..., expire_before: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., last_used_before: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., query: _Optional[str] = ..., kind: _Optional[_Union[TokenKind, str]] = ..., bound: bool = ..., blocked: bool = ..., full: bool = ..., never_expires: bool = ..., revocation_reasons: _Optional[_Iterable[_Union[RevocationReason, str]]] = ..., order_by: _Optional[str] = ...) -> None: ...

class TokenFilter(_message.Message):
    __slots__ = ("subject", "states", "created_by", "organization", "expire_before", "last_used_before", "query", "kind", "bound", "blocked", "full", "never_expires", "revocation_reasons")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    ORGANIZATION_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_BEFORE_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    BOUND_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    FULL_FIELD_NUMBER: _ClassVar[int]
    NEVER_EXPIRES_FIELD_NUMBER: _ClassVar[int]
    REVOCATION_REASONS_FIELD_NUMBER: _ClassVar[int]
    subject: str
    states: _containers.RepeatedScalarFieldContainer[Token.State]
    created_by: str
    organization: str
    expire_before: _timestamp_pb2.Timestamp
    last_used_before: _timestamp_pb2.Timestamp
    query: str
    kind: TokenKind
    bound: bool
    blocked: bool
    full: bool
    never_expires: bool
    revocation_reasons: _containers.RepeatedScalarFieldContainer[RevocationReason]
    def __init__(self, subject: _Optional[str] = ..., states: _Optional[_Iterable[_Union[Token.State, str]]] = ..., created_by: _Optional[str] = ..., organization: _Optional[str] = ..., expire_before: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., last_used_before: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., query: _Optional[str] = ..., kind: _Optional[_Union[TokenKind, str]] = ..., bound: bool = ..., blocked: bool = ..., full: bool = ..., never_expires: bool = ..., revocation_reasons: _Optional[_Iterable[_Union[RevocationReason, str]]] = ...) -> None: ...

class GetTokenSummaryRequest(_message.Message):
    __slots__ = ("filter",)
    FILTER_FIELD_NUMBER: _ClassVar[int]
    filter: TokenFilter
    def __init__(self, filter: _Optional[_Union[TokenFilter, _Mapping]] = ...) -> None: ...

class GetTokenSummaryResponse(_message.Message):
    __slots__ = ("total", "active", "pending_approval", "suspended", "expired", "revoked", "expiring", "unused", "never_expires", "blocked", "full")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    PENDING_APPROVAL_FIELD_NUMBER: _ClassVar[int]
    SUSPENDED_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    REVOKED_FIELD_NUMBER: _ClassVar[int]
    EXPIRING_FIELD_NUMBER: _ClassVar[int]
    UNUSED_FIELD_NUMBER: _ClassVar[int]
    NEVER_EXPIRES_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    FULL_FIELD_NUMBER: _ClassVar[int]
    total: int
    active: int
    pending_approval: int
    suspended: int
    expired: int
    revoked: int
    expiring: int
    unused: int
    never_expires: int
    blocked: int
    full: int
    def __init__(self, total: _Optional[int] = ..., active: _Optional[int] = ..., pending_approval: _Optional[int] = ..., suspended: _Optional[int] = ..., expired: _Optional[int] = ..., revoked: _Optional[int] = ..., expiring: _Optional[int] = ..., unused: _Optional[int] = ..., never_expires: _Optional[int] = ..., blocked: _Optional[int] = ..., full: _Optional[int] = ...) -> None: ...

class ListTokensResponse(_message.Message):
    __slots__ = ("tokens", "next_page_token")
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tokens: _containers.RepeatedCompositeFieldContainer[Token]
    next_page_token: str
    def __init__(self, tokens: _Optional[_Iterable[_Union[Token, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RevokeTokenRequest(_message.Message):
    __slots__ = ("id", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    reason: RevocationReason
    def __init__(self, id: _Optional[str] = ..., reason: _Optional[_Union[RevocationReason, str]] = ...) -> None: ...

class RevokeTokenResponse(_message.Message):
    __slots__ = ("token", "residual_until")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    RESIDUAL_UNTIL_FIELD_NUMBER: _ClassVar[int]
    token: Token
    residual_until: _timestamp_pb2.Timestamp
    def __init__(self, token: _Optional[_Union[Token, _Mapping]] = ..., residual_until: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class UpdateTokenRequest(_message.Message):
    __slots__ = ("token", "update_mask", "validate_only")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    token: Token
    update_mask: _field_mask_pb2.FieldMask
    validate_only: bool
    def __init__(self, token: _Optional[_Union[Token, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., validate_only: bool = ...) -> None: ...

class UpdateTokenResponse(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: Token
    def __init__(self, token: _Optional[_Union[Token, _Mapping]] = ...) -> None: ...

class RotateTokenRequest(_message.Message):
    __slots__ = ("id", "grace", "expire_time", "ttl", "never_expires", "request_id", "etag")
    ID_FIELD_NUMBER: _ClassVar[int]
    GRACE_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    NEVER_EXPIRES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    id: str
    grace: _duration_pb2.Duration
    expire_time: _timestamp_pb2.Timestamp
    ttl: _duration_pb2.Duration
    never_expires: bool
    request_id: str
    etag: str
    def __init__(self, id: _Optional[str] = ..., grace: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., never_expires: bool = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class RotateTokenResponse(_message.Message):
    __slots__ = ("token", "secret")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    token: Token
    secret: str
    def __init__(self, token: _Optional[_Union[Token, _Mapping]] = ..., secret: _Optional[str] = ...) -> None: ...

class RevokeSecretRequest(_message.Message):
    __slots__ = ("token_id", "secret_id")
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    SECRET_ID_FIELD_NUMBER: _ClassVar[int]
    token_id: str
    secret_id: str
    def __init__(self, token_id: _Optional[str] = ..., secret_id: _Optional[str] = ...) -> None: ...

class RevokeSecretResponse(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: Token
    def __init__(self, token: _Optional[_Union[Token, _Mapping]] = ...) -> None: ...

class RevokeTokensRequest(_message.Message):
    __slots__ = ("subject", "organization", "everything", "ids", "filter", "created_before", "reason", "validate_only", "expected_count")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ORGANIZATION_FIELD_NUMBER: _ClassVar[int]
    EVERYTHING_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    CREATED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    subject: str
    organization: str
    everything: bool
    ids: TokenIds
    filter: TokenFilter
    created_before: _timestamp_pb2.Timestamp
    reason: RevocationReason
    validate_only: bool
    expected_count: int
    def __init__(self, subject: _Optional[str] = ..., organization: _Optional[str] = ..., everything: bool = ..., ids: _Optional[_Union[TokenIds, _Mapping]] = ..., filter: _Optional[_Union[TokenFilter, _Mapping]] = ..., created_before: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[_Union[RevocationReason, str]] = ..., validate_only: bool = ..., expected_count: _Optional[int] = ...) -> None: ...

class TokenIds(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ids: _Optional[_Iterable[str]] = ...) -> None: ...

class RevokeTokensResponse(_message.Message):
    __slots__ = ("count", "results", "residual_until")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    RESIDUAL_UNTIL_FIELD_NUMBER: _ClassVar[int]
    count: int
    results: _containers.RepeatedCompositeFieldContainer[RevokedToken]
    residual_until: _timestamp_pb2.Timestamp
    def __init__(self, count: _Optional[int] = ..., results: _Optional[_Iterable[_Union[RevokedToken, _Mapping]]] = ..., residual_until: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RevokedToken(_message.Message):
    __slots__ = ("id", "result")
    class Result(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        RESULT_UNSPECIFIED: _ClassVar[RevokedToken.Result]
        RESULT_REVOKED: _ClassVar[RevokedToken.Result]
        RESULT_REVOKED_BEFORE: _ClassVar[RevokedToken.Result]
        RESULT_NOT_FOUND: _ClassVar[RevokedToken.Result]
        RESULT_FORBIDDEN: _ClassVar[RevokedToken.Result]
    RESULT_UNSPECIFIED: RevokedToken.Result
    RESULT_REVOKED: RevokedToken.Result
    RESULT_REVOKED_BEFORE: RevokedToken.Result
    RESULT_NOT_FOUND: RevokedToken.Result
    RESULT_FORBIDDEN: RevokedToken.Result
    ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    id: str
    result: RevokedToken.Result
    def __init__(self, id: _Optional[str] = ..., result: _Optional[_Union[RevokedToken.Result, str]] = ...) -> None: ...

class SuspendTokenRequest(_message.Message):
    __slots__ = ("id", "comment")
    ID_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    id: str
    comment: str
    def __init__(self, id: _Optional[str] = ..., comment: _Optional[str] = ...) -> None: ...

class SuspendTokenResponse(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: Token
    def __init__(self, token: _Optional[_Union[Token, _Mapping]] = ...) -> None: ...

class ResumeTokenRequest(_message.Message):
    __slots__ = ("id", "comment")
    ID_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    id: str
    comment: str
    def __init__(self, id: _Optional[str] = ..., comment: _Optional[str] = ...) -> None: ...

class ResumeTokenResponse(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: Token
    def __init__(self, token: _Optional[_Union[Token, _Mapping]] = ...) -> None: ...

class ApproveTokenRequest(_message.Message):
    __slots__ = ("id", "comment", "etag")
    ID_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    id: str
    comment: str
    etag: str
    def __init__(self, id: _Optional[str] = ..., comment: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class ApproveTokenResponse(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: Token
    def __init__(self, token: _Optional[_Union[Token, _Mapping]] = ...) -> None: ...

class DenyTokenRequest(_message.Message):
    __slots__ = ("id", "comment")
    ID_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    id: str
    comment: str
    def __init__(self, id: _Optional[str] = ..., comment: _Optional[str] = ...) -> None: ...

class DenyTokenResponse(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: Token
    def __init__(self, token: _Optional[_Union[Token, _Mapping]] = ...) -> None: ...
