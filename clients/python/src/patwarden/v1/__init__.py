"""
The messages, enums and stubs of the API, generated from `proto/patwarden/v1/*.proto`, under one name each:
`v1.CreateTokenRequest`.

What they mean, with units, limits and defaults, stands in those files.
"""

from patwarden.v1.audit_pb2 import *
from patwarden.v1.audit_pb2_grpc import *
from patwarden.v1.authorization_pb2 import *
from patwarden.v1.authorization_pb2_grpc import *
from patwarden.v1.errors_pb2 import *
from patwarden.v1.policy_pb2 import *
from patwarden.v1.policy_pb2_grpc import *
from patwarden.v1.reason_pb2 import *
from patwarden.v1.subject_pb2 import *
from patwarden.v1.subject_pb2_grpc import *
from patwarden.v1.token_pb2 import *
from patwarden.v1.token_pb2_grpc import *
from patwarden.v1.usage_pb2 import *
from patwarden.v1.usage_pb2_grpc import *
