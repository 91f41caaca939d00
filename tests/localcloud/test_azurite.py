"""Can storage be made to hang, and go on?"""

from pathlib import Path

import pytest
import requests

from localcloud.azurite import Azurite
from localcloud.processes import Processes


def test_storage_that_is_paused_answers_nothing_until_it_goes_on(tmp_path: Path) -> None:
    """Promise: connections are accepted and not answered, and its data is the same afterwards."""
    with Processes() as processes:
        azurite = Azurite(processes, ["pausing"], log=tmp_path / "azurite.log")
        azurite.wait_until_ready()
        url = azurite.url("blob", "pausing")
        before = requests.get(url, timeout=10).status_code
        azurite.pause()
        with pytest.raises(requests.ReadTimeout):
            requests.get(url, timeout=1)
        azurite.resume()
        assert requests.get(url, timeout=10).status_code == before
