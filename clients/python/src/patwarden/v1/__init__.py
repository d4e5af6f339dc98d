"""
The messages, enums and stubs of the API, for example `v1.CreateTokenRequest`, generated from
`proto/patwarden/v1/*.proto`. Those files have their meaning, units, limits and defaults.
"""

from patwarden.v1.audit_pb2 import *
from patwarden.v1.audit_pb2_grpc import *
from patwarden.v1.authorization_pb2 import *
from patwarden.v1.authorization_pb2_grpc import *
from patwarden.v1.errors_pb2 import *
from patwarden.v1.policy_pb2 import *
from patwarden.v1.policy_pb2_grpc import *
from patwarden.v1.reason_pb2 import *
from patwarden.v1.self_pb2 import *
from patwarden.v1.self_pb2_grpc import *
from patwarden.v1.subject_pb2 import *
from patwarden.v1.subject_pb2_grpc import *
from patwarden.v1.token_pb2 import *
from patwarden.v1.token_pb2_grpc import *
from patwarden.v1.usage_pb2 import *
from patwarden.v1.usage_pb2_grpc import *
