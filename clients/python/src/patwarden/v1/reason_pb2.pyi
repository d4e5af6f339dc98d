from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_UNSPECIFIED: _ClassVar[Reason]
    REASON_ALLOWED: _ClassVar[Reason]
    REASON_TOKEN_MALFORMED: _ClassVar[Reason]
    REASON_TOKEN_UNKNOWN: _ClassVar[Reason]
    REASON_TOKEN_EXPIRED: _ClassVar[Reason]
    REASON_TOKEN_NOT_YET_VALID: _ClassVar[Reason]
    REASON_TOKEN_REVOKED: _ClassVar[Reason]
    REASON_TOKEN_SUSPENDED: _ClassVar[Reason]
    REASON_TOKEN_PENDING_APPROVAL: _ClassVar[Reason]
    REASON_TOKEN_SUPERSEDED: _ClassVar[Reason]
    REASON_SUBJECT_DISABLED: _ClassVar[Reason]
    REASON_NETWORK_NOT_ALLOWED: _ClassVar[Reason]
    REASON_NOT_GRANTED: _ClassVar[Reason]
    REASON_POLICY: _ClassVar[Reason]
    REASON_NOT_PERMITTED: _ClassVar[Reason]
    REASON_NOT_A_MEMBER: _ClassVar[Reason]
REASON_UNSPECIFIED: Reason
REASON_ALLOWED: Reason
REASON_TOKEN_MALFORMED: Reason
REASON_TOKEN_UNKNOWN: Reason
REASON_TOKEN_EXPIRED: Reason
REASON_TOKEN_NOT_YET_VALID: Reason
REASON_TOKEN_REVOKED: Reason
REASON_TOKEN_SUSPENDED: Reason
REASON_TOKEN_PENDING_APPROVAL: Reason
REASON_TOKEN_SUPERSEDED: Reason
REASON_SUBJECT_DISABLED: Reason
REASON_NETWORK_NOT_ALLOWED: Reason
REASON_NOT_GRANTED: Reason
REASON_POLICY: Reason
REASON_NOT_PERMITTED: Reason
REASON_NOT_A_MEMBER: Reason
