"""Who signs the tokens of the local cloud, and who checks them?

Tokens are real JWTs: RS256 by a key made for one run, which is published as a JWKS document. Nothing unsigned passes.
"""

import time
import uuid
from collections.abc import Mapping

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

Claims = Mapping[str, str | int]


class Signer:
    """The key of one run."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._kid = uuid.uuid4().hex
        self.lifetime_seconds = 3600

    def token(self, claims: Claims) -> tuple[str, int]:
        """A token that is valid from now on for the current lifetime, and when it expires (Unix seconds).

        What `claims` say of iat, nbf and exp wins.
        """
        now = int(time.time())
        times = {"iat": now, "nbf": now, "exp": now + self.lifetime_seconds}
        payload = {**times, "uti": uuid.uuid4().hex, **claims}
        return jwt.encode(payload, self._key, algorithm="RS256", headers={"kid": self._kid}), int(payload["exp"])

    def published_keys(self) -> dict[str, list[dict[str, str]]]:
        """The JWKS document."""
        key = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{"kty": "RSA", "use": "sig", "kid": self._kid, "n": str(key["n"]), "e": str(key["e"])}]}

    def check(self, token: str, *, audience: str, issuer: str) -> None:
        """Accept a token of ours for that audience.

        Raises:
            jwt.InvalidTokenError: it is none, or has expired.
        """
        jwt.decode(token, self._key.public_key(), algorithms=["RS256"], audience=audience, issuer=issuer)
