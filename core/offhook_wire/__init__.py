"""What is sent over the wire, shared by the media plugins and the mock server.

AccessToken2, RTP and RTCP, Opus, the jitter buffer, the relay's messages, and one WebRTC peer made of aiortc's parts.
The package itself imports nothing: import the module that you need.
"""
