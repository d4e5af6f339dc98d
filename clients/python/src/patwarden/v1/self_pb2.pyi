from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from patwarden.v1 import policy_pb2 as _policy_pb2
from patwarden.v1 import reason_pb2 as _reason_pb2
from patwarden.v1 import token_pb2 as _token_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetCallerRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetCallerResponse(_message.Message):
    __slots__ = ("caller", "display_name", "admin", "permissions", "via", "auth_time", "acr", "session_end_time", "step_up", "subjects")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    ADMIN_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    VIA_FIELD_NUMBER: _ClassVar[int]
    AUTH_TIME_FIELD_NUMBER: _ClassVar[int]
    ACR_FIELD_NUMBER: _ClassVar[int]
    SESSION_END_TIME_FIELD_NUMBER: _ClassVar[int]
    STEP_UP_FIELD_NUMBER: _ClassVar[int]
    SUBJECTS_FIELD_NUMBER: _ClassVar[int]
    caller: str
    display_name: str
    admin: bool
    permissions: _containers.RepeatedScalarFieldContainer[str]
    via: str
    auth_time: _timestamp_pb2.Timestamp
    acr: str
    session_end_time: _timestamp_pb2.Timestamp
    step_up: StepUp
    subjects: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, caller: _Optional[str] = ..., display_name: _Optional[str] = ..., admin: bool = ..., permissions: _Optional[_Iterable[str]] = ..., via: _Optional[str] = ..., auth_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., acr: _Optional[str] = ..., session_end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., step_up: _Optional[_Union[StepUp, _Mapping]] = ..., subjects: _Optional[_Iterable[str]] = ...) -> None: ...

class StepUp(_message.Message):
    __slots__ = ("max_age", "acr_values")
    MAX_AGE_FIELD_NUMBER: _ClassVar[int]
    ACR_VALUES_FIELD_NUMBER: _ClassVar[int]
    max_age: _duration_pb2.Duration
    acr_values: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, max_age: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., acr_values: _Optional[_Iterable[str]] = ...) -> None: ...

class ListOrganizationsRequest(_message.Message):
    __slots__ = ("subject", "page_size", "page_token", "query")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    subject: str
    page_size: int
    page_token: str
    query: str
    def __init__(self, subject: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., query: _Optional[str] = ...) -> None: ...

class ListOrganizationsResponse(_message.Message):
    __slots__ = ("organizations", "next_page_token", "incomplete")
    ORGANIZATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    INCOMPLETE_FIELD_NUMBER: _ClassVar[int]
    organizations: _containers.RepeatedCompositeFieldContainer[Organization]
    next_page_token: str
    incomplete: bool
    def __init__(self, organizations: _Optional[_Iterable[_Union[Organization, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., incomplete: bool = ...) -> None: ...

class Organization(_message.Message):
    __slots__ = ("organization", "member", "rights")
    class Right(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        RIGHT_UNSPECIFIED: _ClassVar[Organization.Right]
        RIGHT_READ: _ClassVar[Organization.Right]
        RIGHT_CREATE: _ClassVar[Organization.Right]
        RIGHT_APPROVE: _ClassVar[Organization.Right]
        RIGHT_REVOKE: _ClassVar[Organization.Right]
        RIGHT_POLICY: _ClassVar[Organization.Right]
    RIGHT_UNSPECIFIED: Organization.Right
    RIGHT_READ: Organization.Right
    RIGHT_CREATE: Organization.Right
    RIGHT_APPROVE: Organization.Right
    RIGHT_REVOKE: Organization.Right
    RIGHT_POLICY: Organization.Right
    ORGANIZATION_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    RIGHTS_FIELD_NUMBER: _ClassVar[int]
    organization: str
    member: bool
    rights: _containers.RepeatedScalarFieldContainer[Organization.Right]
    def __init__(self, organization: _Optional[str] = ..., member: bool = ..., rights: _Optional[_Iterable[_Union[Organization.Right, str]]] = ...) -> None: ...

class GetCatalogRequest(_message.Message):
    __slots__ = ("subject", "language")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    subject: str
    language: str
    def __init__(self, subject: _Optional[str] = ..., language: _Optional[str] = ...) -> None: ...

class GetCatalogResponse(_message.Message):
    __slots__ = ("types", "templates", "snippets")
    TYPES_FIELD_NUMBER: _ClassVar[int]
    TEMPLATES_FIELD_NUMBER: _ClassVar[int]
    SNIPPETS_FIELD_NUMBER: _ClassVar[int]
    types: _containers.RepeatedCompositeFieldContainer[CatalogType]
    templates: _containers.RepeatedCompositeFieldContainer[CatalogTemplate]
    snippets: _containers.RepeatedCompositeFieldContainer[CatalogSnippet]
    def __init__(self, types: _Optional[_Iterable[_Union[CatalogType, _Mapping]]] = ..., templates: _Optional[_Iterable[_Union[CatalogTemplate, _Mapping]]] = ..., snippets: _Optional[_Iterable[_Union[CatalogSnippet, _Mapping]]] = ...) -> None: ...

class CatalogType(_message.Message):
    __slots__ = ("type", "label", "description", "actions")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    type: str
    label: str
    description: str
    actions: _containers.RepeatedCompositeFieldContainer[CatalogAction]
    def __init__(self, type: _Optional[str] = ..., label: _Optional[str] = ..., description: _Optional[str] = ..., actions: _Optional[_Iterable[_Union[CatalogAction, _Mapping]]] = ...) -> None: ...

class CatalogAction(_message.Message):
    __slots__ = ("action", "label", "description", "group", "risk")
    class Risk(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        RISK_UNSPECIFIED: _ClassVar[CatalogAction.Risk]
        RISK_LOW: _ClassVar[CatalogAction.Risk]
        RISK_MEDIUM: _ClassVar[CatalogAction.Risk]
        RISK_HIGH: _ClassVar[CatalogAction.Risk]
    RISK_UNSPECIFIED: CatalogAction.Risk
    RISK_LOW: CatalogAction.Risk
    RISK_MEDIUM: CatalogAction.Risk
    RISK_HIGH: CatalogAction.Risk
    ACTION_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    RISK_FIELD_NUMBER: _ClassVar[int]
    action: str
    label: str
    description: str
    group: str
    risk: CatalogAction.Risk
    def __init__(self, action: _Optional[str] = ..., label: _Optional[str] = ..., description: _Optional[str] = ..., group: _Optional[str] = ..., risk: _Optional[_Union[CatalogAction.Risk, str]] = ...) -> None: ...

class CatalogTemplate(_message.Message):
    __slots__ = ("id", "label", "description", "grant", "ttl")
    ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    id: str
    label: str
    description: str
    grant: _token_pb2.Grant
    ttl: _duration_pb2.Duration
    def __init__(self, id: _Optional[str] = ..., label: _Optional[str] = ..., description: _Optional[str] = ..., grant: _Optional[_Union[_token_pb2.Grant, _Mapping]] = ..., ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class CatalogSnippet(_message.Message):
    __slots__ = ("label", "code")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    label: str
    code: str
    def __init__(self, label: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...

class GetCreationLimitsRequest(_message.Message):
    __slots__ = ("subject", "organization")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ORGANIZATION_FIELD_NUMBER: _ClassVar[int]
    subject: str
    organization: str
    def __init__(self, subject: _Optional[str] = ..., organization: _Optional[str] = ...) -> None: ...

class GetCreationLimitsResponse(_message.Message):
    __slots__ = ("limits", "max_grant", "may_create")
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    MAX_GRANT_FIELD_NUMBER: _ClassVar[int]
    MAY_CREATE_FIELD_NUMBER: _ClassVar[int]
    limits: _policy_pb2.Policy
    max_grant: _token_pb2.Grant
    may_create: bool
    def __init__(self, limits: _Optional[_Union[_policy_pb2.Policy, _Mapping]] = ..., max_grant: _Optional[_Union[_token_pb2.Grant, _Mapping]] = ..., may_create: bool = ...) -> None: ...

class ListReachableRequest(_message.Message):
    __slots__ = ("subject", "token_id", "grant", "type", "action", "query", "page_size", "page_token")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    subject: str
    token_id: str
    grant: _token_pb2.Grant
    type: str
    action: str
    query: str
    page_size: int
    page_token: str
    def __init__(self, subject: _Optional[str] = ..., token_id: _Optional[str] = ..., grant: _Optional[_Union[_token_pb2.Grant, _Mapping]] = ..., type: _Optional[str] = ..., action: _Optional[str] = ..., query: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListReachableResponse(_message.Message):
    __slots__ = ("resources", "next_page_token", "incomplete")
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    INCOMPLETE_FIELD_NUMBER: _ClassVar[int]
    resources: _containers.RepeatedScalarFieldContainer[str]
    next_page_token: str
    incomplete: bool
    def __init__(self, resources: _Optional[_Iterable[str]] = ..., next_page_token: _Optional[str] = ..., incomplete: bool = ...) -> None: ...

class ExplainTokenRequest(_message.Message):
    __slots__ = ("token_id", "resource", "action", "client_ip")
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    CLIENT_IP_FIELD_NUMBER: _ClassVar[int]
    token_id: str
    resource: str
    action: str
    client_ip: str
    def __init__(self, token_id: _Optional[str] = ..., resource: _Optional[str] = ..., action: _Optional[str] = ..., client_ip: _Optional[str] = ...) -> None: ...

class ExplainTokenResponse(_message.Message):
    __slots__ = ("reason", "steps")
    REASON_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    reason: _reason_pb2.Reason
    steps: _containers.RepeatedCompositeFieldContainer[Step]
    def __init__(self, reason: _Optional[_Union[_reason_pb2.Reason, str]] = ..., steps: _Optional[_Iterable[_Union[Step, _Mapping]]] = ...) -> None: ...

class Step(_message.Message):
    __slots__ = ("kind", "result", "reason", "blocked_by")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Step.Kind]
        KIND_STATE: _ClassVar[Step.Kind]
        KIND_SUBJECT: _ClassVar[Step.Kind]
        KIND_NETWORK: _ClassVar[Step.Kind]
        KIND_GRANT: _ClassVar[Step.Kind]
        KIND_POLICY: _ClassVar[Step.Kind]
        KIND_MEMBERSHIP: _ClassVar[Step.Kind]
        KIND_PERMISSION: _ClassVar[Step.Kind]
    KIND_UNSPECIFIED: Step.Kind
    KIND_STATE: Step.Kind
    KIND_SUBJECT: Step.Kind
    KIND_NETWORK: Step.Kind
    KIND_GRANT: Step.Kind
    KIND_POLICY: Step.Kind
    KIND_MEMBERSHIP: Step.Kind
    KIND_PERMISSION: Step.Kind
    class Result(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        RESULT_UNSPECIFIED: _ClassVar[Step.Result]
        RESULT_PASSED: _ClassVar[Step.Result]
        RESULT_REFUSED: _ClassVar[Step.Result]
        RESULT_NOT_ASKED: _ClassVar[Step.Result]
        RESULT_UNKNOWN: _ClassVar[Step.Result]
    RESULT_UNSPECIFIED: Step.Result
    RESULT_PASSED: Step.Result
    RESULT_REFUSED: Step.Result
    RESULT_NOT_ASKED: Step.Result
    RESULT_UNKNOWN: Step.Result
    KIND_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_BY_FIELD_NUMBER: _ClassVar[int]
    kind: Step.Kind
    result: Step.Result
    reason: _reason_pb2.Reason
    blocked_by: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, kind: _Optional[_Union[Step.Kind, str]] = ..., result: _Optional[_Union[Step.Result, str]] = ..., reason: _Optional[_Union[_reason_pb2.Reason, str]] = ..., blocked_by: _Optional[_Iterable[str]] = ...) -> None: ...
