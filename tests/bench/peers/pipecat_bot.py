"""A bot of Pipecat that says what it hears, with its SmallWebRTC transport. It runs in Pipecat's own environment.

Signalling is that of the other roles of bare aiortc: a line of offers, a line of answers.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from loguru import logger
from pipecat.frames.frames import InputAudioRawFrame, OutputAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.transports.base_transport import TransportParams
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection
from pipecat.transports.smallwebrtc.transport import SmallWebRTCTransport
from pipecat.workers.runner import WorkerRunner

if TYPE_CHECKING:
    from tests.bench.voice import Voice


class Echo(FrameProcessor):  # type: ignore[misc]
    """Gives back what comes."""

    async def process_frame(self, frame: Any, direction: Any) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            frame = OutputAudioRawFrame(frame.audio, frame.sample_rate, frame.num_channels)
        await self.push_frame(frame, direction)


class EchoBot:
    """One bot for each connection. Commands: `open`."""

    def __init__(self) -> None:
        logger.remove()
        self.voices: list[Voice] = []
        self.commands = {"open": self.open}
        self._rate_hz = 0
        self._server: asyncio.Server | None = None
        self._bots: set[asyncio.Task[None]] = set()

    async def open(self, *, calls: int, callees: bool, timed: bool, rate_hz: int) -> list[dict[str, object]]:
        """Listen; `callees` and `timed` are there to be called like other far roles."""
        self._rate_hz = rate_hz
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        port = self._server.sockets[0].getsockname()[1]
        return [{"port": port, "rate_hz": rate_hz}] * calls

    async def close(self) -> None:
        """End the bots."""
        if self._server is not None:
            self._server.close()
        for bot in self._bots:
            bot.cancel()
        await asyncio.gather(*self._bots, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers: list[str] = []
        for sdp in json.loads(await reader.readline()):
            connection = SmallWebRTCConnection()
            await connection.initialize(sdp, "offer")
            self._bots.add(asyncio.create_task(self._run(connection)))
            await connection.connect()
            answers.append(connection.get_answer()["sdp"])
        writer.write(json.dumps(answers).encode() + b"\n")

    async def _run(self, connection: Any) -> None:
        params = TransportParams(
            audio_in_enabled=True,
            audio_out_enabled=True,
            audio_in_sample_rate=self._rate_hz,
            audio_out_sample_rate=self._rate_hz,
            audio_out_10ms_chunks=2,
        )
        transport = SmallWebRTCTransport(webrtc_connection=connection, params=params)
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(PipelineWorker(Pipeline([transport.input(), Echo(), transport.output()])))
        await runner.run()
