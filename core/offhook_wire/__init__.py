"""What goes over the wire, shared by the media plugins and the mock server.

AccessToken2, RTP and RTCP, Opus, the jitter buffer, the relay's messages, and one WebRTC peer on aiortc's parts.
Nothing here is imported with the package: take the module you need.
"""
