"""The SDK's service, of which a process has one for one app id, from its first call to its end."""

from __future__ import annotations

import atexit
import threading
from typing import TYPE_CHECKING, Final

from offhook_agora.child.reasons import Refusal
from offhook_agora.messages import Reason

if TYPE_CHECKING:
    from offhook_agora.child.sdk import Sdk, Service

#: How long another engine's initialisation, and the release at the end, may take.
_WAIT_S: Final = 5.0
_RELEASE_S: Final = 1.0


class ServiceHolder:
    """Makes the service when it is first needed, and releases it at the end of the process only.

    A released service cannot be used again, and another app id needs another process.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._app_id: str | None = None
        self._service: Service | None = None
        self._ending = threading.Event()
        self._released = threading.Event()

    def get(self, sdk: Sdk, app_id: str) -> Service:
        """Return the service for `app_id`. Called on threads of engines.

        Raises:
            Refusal: the process serves another app id, or the SDK does not initialise.
        """
        with self._changed:
            # Another engine of this process may be at it; no lock is held while the SDK runs.
            if not self._changed.wait_for(lambda: self._app_id is None or self._service is not None, _WAIT_S):
                raise Refusal(Reason.SDK, "the SDK is still being initialised for another call")
            if self._app_id is not None and self._app_id != app_id:
                raise Refusal(
                    Reason.OTHER_APP_ID,
                    "Agora's SDK serves one app id in the life of a process, and this process has served another",
                )
            if self._service is not None:
                return self._service
            self._app_id = app_id
        made: Service | None = None
        try:
            service = sdk.new_service()
            service.initialize(sdk.service_config(app_id))  # returns 0 whether it worked or not
            made = service if service.inited else None
        finally:
            with self._changed:
                self._service = made
                self._app_id = app_id if made is not None else None
                self._changed.notify_all()
        if made is None:
            raise Refusal(Reason.APP_ID, "the SDK does not initialise with this app id")
        threading.Thread(target=self._release, name="offhook agora release", daemon=True).start()
        atexit.register(self.release)
        return made

    def release(self) -> bool:
        """Release the service at the end of the process; returns whether that ended within a second. Idempotent."""
        if self._app_id is None:
            return True
        self._ending.set()
        return self._released.wait(_RELEASE_S)

    def _release(self) -> None:
        # The thread exists from the beginning: at the end of the interpreter none can be started any more.
        self._ending.wait()
        service, self._service = self._service, None
        if service is not None:
            service.release()
        self._released.set()


#: The SDK keeps its service in the process, too.
process_service: Final = ServiceHolder()
