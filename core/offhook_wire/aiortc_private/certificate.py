"""A certificate that is read into a TLS context once, and not again for every connection."""

# pyright: reportPrivateUsage=false
# Using private names is what this package is for.
from __future__ import annotations

from typing import TYPE_CHECKING

from aiortc import RTCCertificate, RTCDtlsFingerprint
from OpenSSL import SSL

if TYPE_CHECKING:
    from aiortc.rtcdtlstransport import SRTPProtectionProfile
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec


class SharedCertificate(RTCCertificate):
    """For any number of connections. aiortc makes a context and three fingerprints for each of them."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, cert: x509.Certificate) -> None:
        super().__init__(key=key, cert=cert)
        self._fingerprints: list[RTCDtlsFingerprint] = super().getFingerprints()
        self._context: SSL.Context | None = None

    def getFingerprints(self) -> list[RTCDtlsFingerprint]:
        return self._fingerprints

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        if self._context is None:
            self._context = super()._create_ssl_context(srtp_profiles)
            # Else the context would keep the sessions of all its connections, and let clients take them up again.
            self._context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        return self._context
