"""A jar as the app sends it to a cluster."""

from __future__ import annotations

import io


class Jar(io.BytesIO):
    """Bytes with a length, as a release is read."""

    @property
    def len(self) -> int:
        """Return the bytes left."""
        return len(self.getbuffer()) - self.tell()
