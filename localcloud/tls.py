"""Whom do the SDKs trust on one machine?

A certificate authority made for one run signs one server certificate for this machine; its key is never written down.
"""

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificates:
    """Files in PEM: the authority for clients (REQUESTS_CA_BUNDLE), key and chain for servers."""

    ca: Path
    server: Path


def write_certificates(directory: Path) -> Certificates:
    """Make an authority and a certificate for localhost, and write both below the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    files = Certificates(ca=directory / "ca.pem", server=directory / "server.pem")
    authority = trustme.CA(organization_name="flinkfuncs local cloud")
    authority.cert_pem.write_to_path(files.ca)
    server = authority.issue_cert("localhost", "127.0.0.1")
    files.server.touch(mode=0o600)
    server.private_key_and_cert_chain_pem.write_to_path(files.server)
    return files
