from google.protobuf import timestamp_pb2 as _timestamp_pb2
from patwarden.v1 import reason_pb2 as _reason_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Granularity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRANULARITY_UNSPECIFIED: _ClassVar[Granularity]
    GRANULARITY_TOTAL: _ClassVar[Granularity]
    GRANULARITY_DAY: _ClassVar[Granularity]
    GRANULARITY_HOUR: _ClassVar[Granularity]

class Dimension(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIMENSION_UNSPECIFIED: _ClassVar[Dimension]
    DIMENSION_TOKEN: _ClassVar[Dimension]
    DIMENSION_SUBJECT: _ClassVar[Dimension]
    DIMENSION_ACTION: _ClassVar[Dimension]
    DIMENSION_REASON: _ClassVar[Dimension]
    DIMENSION_ORGANIZATION: _ClassVar[Dimension]
GRANULARITY_UNSPECIFIED: Granularity
GRANULARITY_TOTAL: Granularity
GRANULARITY_DAY: Granularity
GRANULARITY_HOUR: Granularity
DIMENSION_UNSPECIFIED: Dimension
DIMENSION_TOKEN: Dimension
DIMENSION_SUBJECT: Dimension
DIMENSION_ACTION: Dimension
DIMENSION_REASON: Dimension
DIMENSION_ORGANIZATION: Dimension

class QueryUsageRequest(_message.Message):
    __slots__ = ("token_id", "subject", "start_time", "end_time", "granularity", "group_by", "page_size", "page_token", "organization")
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    GRANULARITY_FIELD_NUMBER: _ClassVar[int]
    GROUP_BY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ORGANIZATION_FIELD_NUMBER: _ClassVar[int]
    token_id: str
    subject: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    granularity: Granularity
    group_by: _containers.RepeatedScalarFieldContainer[Dimension]
    page_size: int
    page_token: str
    organization: str
    def __init__(self, token_id: _Optional[str] = ..., subject: _Optional[str] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., granularity: _Optional[_Union[Granularity, str]] = ..., group_by: _Optional[_Iterable[_Union[Dimension, str]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., organization: _Optional[str] = ...) -> None: ...

class QueryUsageResponse(_message.Message):
    __slots__ = ("rows", "next_page_token")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[UsageRow]
    next_page_token: str
    def __init__(self, rows: _Optional[_Iterable[_Union[UsageRow, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UsageRow(_message.Message):
    __slots__ = ("token_id", "subject", "action", "reason", "start_time", "end_time", "count", "closed", "organization", "units")
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    ORGANIZATION_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    token_id: str
    subject: str
    action: str
    reason: _reason_pb2.Reason
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    count: int
    closed: bool
    organization: str
    units: int
    def __init__(self, token_id: _Optional[str] = ..., subject: _Optional[str] = ..., action: _Optional[str] = ..., reason: _Optional[_Union[_reason_pb2.Reason, str]] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., count: _Optional[int] = ..., closed: bool = ..., organization: _Optional[str] = ..., units: _Optional[int] = ...) -> None: ...
