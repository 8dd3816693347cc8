"""The embedded queue: messages as files in a folder, each of which appears whole or not at all.

kombu's own transport creates the file first and fills it then. A worker that looks in between takes an empty
message and dies of it; with a beat every two seconds that happens within minutes.
"""

import json
import time
import uuid
from pathlib import Path
from typing import Any

from kombu.transport import filesystem


class Channel(filesystem.Channel):
    """kombu's channel, with messages that are renamed into place."""

    def _put(self, queue: str, payload: Any, **_: Any) -> None:  # type: ignore[override]  # of two bases
        place = Path(self.data_folder_out) / f"{time.monotonic_ns():020d}_{uuid.uuid4()}.{queue}.msg"
        draft = place.with_name(f"{place.name}.draft")
        draft.write_text(json.dumps(payload))
        draft.rename(place)


class Transport(filesystem.Transport):
    """For CELERY_BROKER_TRANSPORT."""

    Channel = Channel
