from google.protobuf import timestamp_pb2 as _timestamp_pb2
from patwarden.v1 import reason_pb2 as _reason_pb2
from patwarden.v1 import token_pb2 as _token_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Consistency(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONSISTENCY_UNSPECIFIED: _ClassVar[Consistency]
    CONSISTENCY_MINIMIZE_LATENCY: _ClassVar[Consistency]
    CONSISTENCY_HIGHER_CONSISTENCY: _ClassVar[Consistency]
CONSISTENCY_UNSPECIFIED: Consistency
CONSISTENCY_MINIMIZE_LATENCY: Consistency
CONSISTENCY_HIGHER_CONSISTENCY: Consistency

class CheckRequest(_message.Message):
    __slots__ = ("token", "resource", "action", "context", "consistency", "claims")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CONSISTENCY_FIELD_NUMBER: _ClassVar[int]
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    token: str
    resource: str
    action: str
    context: RequestContext
    consistency: Consistency
    claims: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, token: _Optional[str] = ..., resource: _Optional[str] = ..., action: _Optional[str] = ..., context: _Optional[_Union[RequestContext, _Mapping]] = ..., consistency: _Optional[_Union[Consistency, str]] = ..., claims: _Optional[_Iterable[str]] = ...) -> None: ...

class RequestContext(_message.Message):
    __slots__ = ("client_ip", "usage_units", "usage_id")
    CLIENT_IP_FIELD_NUMBER: _ClassVar[int]
    USAGE_UNITS_FIELD_NUMBER: _ClassVar[int]
    USAGE_ID_FIELD_NUMBER: _ClassVar[int]
    client_ip: str
    usage_units: int
    usage_id: str
    def __init__(self, client_ip: _Optional[str] = ..., usage_units: _Optional[int] = ..., usage_id: _Optional[str] = ...) -> None: ...

class CheckResponse(_message.Message):
    __slots__ = ("allowed", "reason", "token_valid", "subject", "token_id", "expire_time", "claims", "organization")
    class ClaimsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TOKEN_VALID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    ORGANIZATION_FIELD_NUMBER: _ClassVar[int]
    allowed: bool
    reason: _reason_pb2.Reason
    token_valid: bool
    subject: str
    token_id: str
    expire_time: _timestamp_pb2.Timestamp
    claims: _containers.ScalarMap[str, str]
    organization: str
    def __init__(self, allowed: bool = ..., reason: _Optional[_Union[_reason_pb2.Reason, str]] = ..., token_valid: bool = ..., subject: _Optional[str] = ..., token_id: _Optional[str] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., claims: _Optional[_Mapping[str, str]] = ..., organization: _Optional[str] = ...) -> None: ...

class BatchCheckRequest(_message.Message):
    __slots__ = ("token", "context", "consistency", "items")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CONSISTENCY_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    token: str
    context: RequestContext
    consistency: Consistency
    items: _containers.RepeatedCompositeFieldContainer[BatchCheckItem]
    def __init__(self, token: _Optional[str] = ..., context: _Optional[_Union[RequestContext, _Mapping]] = ..., consistency: _Optional[_Union[Consistency, str]] = ..., items: _Optional[_Iterable[_Union[BatchCheckItem, _Mapping]]] = ...) -> None: ...

class BatchCheckItem(_message.Message):
    __slots__ = ("token", "resource", "action", "context", "consistency")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CONSISTENCY_FIELD_NUMBER: _ClassVar[int]
    token: str
    resource: str
    action: str
    context: RequestContext
    consistency: Consistency
    def __init__(self, token: _Optional[str] = ..., resource: _Optional[str] = ..., action: _Optional[str] = ..., context: _Optional[_Union[RequestContext, _Mapping]] = ..., consistency: _Optional[_Union[Consistency, str]] = ...) -> None: ...

class BatchCheckResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchCheckResult]
    def __init__(self, results: _Optional[_Iterable[_Union[BatchCheckResult, _Mapping]]] = ...) -> None: ...

class BatchCheckResult(_message.Message):
    __slots__ = ("decision", "error")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    decision: CheckResponse
    error: CheckError
    def __init__(self, decision: _Optional[_Union[CheckResponse, _Mapping]] = ..., error: _Optional[_Union[CheckError, _Mapping]] = ...) -> None: ...

class CheckError(_message.Message):
    __slots__ = ("code", "reason", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: int
    reason: str
    message: str
    def __init__(self, code: _Optional[int] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class ListResourcesRequest(_message.Message):
    __slots__ = ("token", "type", "action", "context", "consistency")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CONSISTENCY_FIELD_NUMBER: _ClassVar[int]
    token: str
    type: str
    action: str
    context: RequestContext
    consistency: Consistency
    def __init__(self, token: _Optional[str] = ..., type: _Optional[str] = ..., action: _Optional[str] = ..., context: _Optional[_Union[RequestContext, _Mapping]] = ..., consistency: _Optional[_Union[Consistency, str]] = ...) -> None: ...

class ListResourcesResponse(_message.Message):
    __slots__ = ("resources", "incomplete", "reason", "token_valid")
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    INCOMPLETE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TOKEN_VALID_FIELD_NUMBER: _ClassVar[int]
    resources: _containers.RepeatedScalarFieldContainer[str]
    incomplete: bool
    reason: _reason_pb2.Reason
    token_valid: bool
    def __init__(self, resources: _Optional[_Iterable[str]] = ..., incomplete: bool = ..., reason: _Optional[_Union[_reason_pb2.Reason, str]] = ..., token_valid: bool = ...) -> None: ...

class IntrospectRequest(_message.Message):
    __slots__ = ("token", "context")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    token: str
    context: RequestContext
    def __init__(self, token: _Optional[str] = ..., context: _Optional[_Union[RequestContext, _Mapping]] = ...) -> None: ...

class IntrospectResponse(_message.Message):
    __slots__ = ("active", "reason", "token")
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    active: bool
    reason: _reason_pb2.Reason
    token: _token_pb2.Token
    def __init__(self, active: bool = ..., reason: _Optional[_Union[_reason_pb2.Reason, str]] = ..., token: _Optional[_Union[_token_pb2.Token, _Mapping]] = ...) -> None: ...
