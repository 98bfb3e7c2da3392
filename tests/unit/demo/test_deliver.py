"""How an answer is written, and how it fails on purpose."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from gateway.demo.options import Fault
from tests.unit.demo.asking import HELLO, DemoClient, post


class TestFaults:
    """Read from a bare socket: what counts is how the connection ends."""

    async def received(
        self, client: DemoClient, fault: Fault, *, stream: bool = True
    ) -> tuple[bytes, bool]:
        """Everything that came, and whether a reset ended it."""
        body = orjson.dumps({"messages": HELLO, "stream": stream})
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-demo-fault: %b\r\n"
            b"content-length: %d\r\n\r\n%b" % (fault.encode(), len(body), body)
        )
        raw = b""
        try:
            while chunk := await reader.read(65_536):
                raw += chunk
        except ConnectionResetError:
            return raw, True
        finally:
            writer.close()
        return raw, False

    async def test_reset_before_head(self, client: DemoClient) -> None:
        assert await self.received(client, Fault.RESET_BEFORE_HEAD) == (b"", True)

    async def test_reset_mid_stream(self, client: DemoClient) -> None:
        raw, reset = await self.received(client, Fault.RESET_MID_STREAM)

        assert reset
        assert b"[DONE]" not in raw

    @pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
    async def test_truncate_ends_without_a_proper_end(
        self, client: DemoClient, *, stream: bool
    ) -> None:
        raw, reset = await self.received(client, Fault.TRUNCATE, stream=stream)

        head, _, body = raw.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert body
        assert not reset
        assert not body.endswith((b"0\r\n\r\n", b"}"))

    async def test_garbage_is_no_http(self, client: DemoClient) -> None:
        raw, _ = await self.received(client, Fault.GARBAGE)

        assert raw
        assert not raw.startswith(b"HTTP/")

    @pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
    async def test_slow_head_is_whole_in_the_end(self, client: DemoClient, *, stream: bool) -> None:
        raw, _ = await self.received(client, Fault.SLOW_HEAD, stream=stream)

        head, _, body = raw.partition(b"\r\n\r\n")
        assert b"content-length: %d" % len(body) in head

    @pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
    async def test_silence_lasts_until_the_client_goes(
        self, client: DemoClient, *, stream: bool
    ) -> None:
        body = {"messages": HELLO, "stream": stream}
        headers = {"x-demo-fault": "silence"}
        tasks = asyncio.all_tasks()

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await post(client, "/v1/chat/completions", body, headers)

        # The handler ends once its connection is gone: nothing is left behind.
        assert client.server is not None
        await client.close()
        assert asyncio.all_tasks() <= tasks
