"""
The life of a token, against the server of `make dev`:

    KEY=$(cat .patwarden/service-key) python clients/python/example/check.py
"""

from __future__ import annotations

import os
from datetime import timedelta

from patwarden import Client, Secret, duration, v1


def main() -> None:
    endpoint = os.environ.get("ENDPOINT", "127.0.0.1:9081")
    with Client(endpoint, os.environ["KEY"], plaintext=True) as patwarden:
        created = patwarden.tokens.CreateToken(
            v1.CreateTokenRequest(
                subject="user:alice",
                name="example",
                ttl=duration(timedelta(hours=1)),
                grant=v1.Grant(rules=[v1.Rule(actions=["viewer"], resources=["document:*"])]),
            )
        )
        token = Secret(created.secret)
        print(f"made {created.token.id}: {token}")

        for resource, action in (
            ("document:roadmap", "viewer"),
            ("document:payroll", "viewer"),
            ("document:roadmap", "editor"),
        ):
            decision = patwarden.check(token, resource, action)
            print(f"{decision.subject} {action} {resource}: {decision.allowed} {decision.reason}")

        print("may view:", *sorted(patwarden.list_resources(token, "document", "viewer")))

        patwarden.tokens.RevokeToken(v1.RevokeTokenRequest(id=created.token.id))
        decision = patwarden.check(token, "document:roadmap", "viewer")
        print(f"revoked: {decision.allowed} {decision.reason}")


if __name__ == "__main__":
    main()
