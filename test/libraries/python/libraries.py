"""What a service in Python would use with Patwarden, asked by lines of JSON: see ../README.md."""

import json
import sys

import jwt
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7662 import IntrospectTokenValidator


class PatwardenValidator(IntrospectTokenValidator):
    """As a resource protector of Authlib would be given it."""

    def __init__(self, endpoint, client, key):
        super().__init__()
        self.endpoint = endpoint
        self.session = OAuth2Session(client, key)

    def introspect_token(self, token_string):
        response = self.session.introspect_token(self.endpoint, token=token_string)
        # The library looks at no status: a 503 would read as a token that lacks `active`.
        response.raise_for_status()
        return response.json()


def introspect(asked):
    validator = PatwardenValidator(asked["endpoint"], asked["client"], asked["key"])
    token = validator.authenticate_token(asked["token"])
    validator.validate_token(token, scopes=None, request=None)
    return token


def verify(asked):
    key = jwt.PyJWKClient(asked["jwks"]).get_signing_key_from_jwt(asked["token"])
    decoded = jwt.decode_complete(
        asked["token"],
        key,
        algorithms=["ES256", "RS256"],
        audience=asked["audience"],
        issuer=asked["issuer"],
        options={"require": ["exp", "iat", "sub", "jti", "client_id"]},
    )
    # The library does not look at it (RFC 9068 section 4).
    if decoded["header"].get("typ") != "at+jwt":
        raise jwt.InvalidTokenError("no access token")
    return decoded["payload"]


def answer(asked):
    try:
        return {"members": {"introspect": introspect, "verify": verify}[asked["ask"]](asked)}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
