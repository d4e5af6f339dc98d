from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Policy(_message.Message):
    __slots__ = ("scope", "max_lifetime", "require_expiry", "allowed_actions", "allowed_cidrs", "require_approval", "revoke_unused_after", "etag", "revoke_on_reuse", "forbid_full", "block_all", "default_lifetime", "allow_self_rotation", "require_organization")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    MAX_LIFETIME_FIELD_NUMBER: _ClassVar[int]
    REQUIRE_EXPIRY_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_ACTIONS_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_CIDRS_FIELD_NUMBER: _ClassVar[int]
    REQUIRE_APPROVAL_FIELD_NUMBER: _ClassVar[int]
    REVOKE_UNUSED_AFTER_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REVOKE_ON_REUSE_FIELD_NUMBER: _ClassVar[int]
    FORBID_FULL_FIELD_NUMBER: _ClassVar[int]
    BLOCK_ALL_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_LIFETIME_FIELD_NUMBER: _ClassVar[int]
    ALLOW_SELF_ROTATION_FIELD_NUMBER: _ClassVar[int]
    REQUIRE_ORGANIZATION_FIELD_NUMBER: _ClassVar[int]
    scope: str
    max_lifetime: _duration_pb2.Duration
    require_expiry: bool
    allowed_actions: _containers.RepeatedScalarFieldContainer[str]
    allowed_cidrs: _containers.RepeatedScalarFieldContainer[str]
    require_approval: bool
    revoke_unused_after: _duration_pb2.Duration
    etag: str
    revoke_on_reuse: bool
    forbid_full: bool
    block_all: bool
    default_lifetime: _duration_pb2.Duration
    allow_self_rotation: bool
    require_organization: bool
    def __init__(self, scope: _Optional[str] = ..., max_lifetime: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., require_expiry: bool = ..., allowed_actions: _Optional[_Iterable[str]] = ..., allowed_cidrs: _Optional[_Iterable[str]] = ..., require_approval: bool = ..., revoke_unused_after: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., etag: _Optional[str] = ..., revoke_on_reuse: bool = ..., forbid_full: bool = ..., block_all: bool = ..., default_lifetime: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., allow_self_rotation: bool = ..., require_organization: bool = ...) -> None: ...

class GetPolicyRequest(_message.Message):
    __slots__ = ("scope",)
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    scope: str
    def __init__(self, scope: _Optional[str] = ...) -> None: ...

class GetPolicyResponse(_message.Message):
    __slots__ = ("policy", "effective")
    POLICY_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_FIELD_NUMBER: _ClassVar[int]
    policy: Policy
    effective: Policy
    def __init__(self, policy: _Optional[_Union[Policy, _Mapping]] = ..., effective: _Optional[_Union[Policy, _Mapping]] = ...) -> None: ...

class UpdatePolicyRequest(_message.Message):
    __slots__ = ("policy", "update_mask", "validate_only")
    POLICY_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    policy: Policy
    update_mask: _field_mask_pb2.FieldMask
    validate_only: bool
    def __init__(self, policy: _Optional[_Union[Policy, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., validate_only: bool = ...) -> None: ...

class UpdatePolicyResponse(_message.Message):
    __slots__ = ("policy", "blocked_tokens", "blocked_token_ids")
    POLICY_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_TOKEN_IDS_FIELD_NUMBER: _ClassVar[int]
    policy: Policy
    blocked_tokens: int
    blocked_token_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, policy: _Optional[_Union[Policy, _Mapping]] = ..., blocked_tokens: _Optional[int] = ..., blocked_token_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class DeletePolicyRequest(_message.Message):
    __slots__ = ("scope",)
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    scope: str
    def __init__(self, scope: _Optional[str] = ...) -> None: ...

class DeletePolicyResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
