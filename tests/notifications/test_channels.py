"""Channels: real Apprise against a real server that takes, refuses, hangs, or is not there."""

import asyncio
import socket
import subprocess
import sys
import time

import pytest

from bot.model import Severity
from bot.notifications.channels import STUCK, Channel, channel_trouble, scrubbed
from bot.notifications.message import Message
from tests.notifications.listener import TOKEN, listening

MESSAGE = Message("[critical] main: cap fires", "leverage is 6.2\n100 % plain <text>", Severity.CRITICAL)
PLANTED = "pLaNtEd5eCrEt"


async def test_a_message_arrives_as_it_was_written() -> None:
    with listening() as server:
        assert await Channel("hook", server.url()).send(MESSAGE, 5.0) == ""
    (body,) = server.bodies
    assert body["title"] == MESSAGE.subject
    assert body["message"] == MESSAGE.body
    assert body["type"] == "failure"
    assert server.calls == [f"POST /{TOKEN}"]


@pytest.mark.parametrize(("severity", "kind"), [(Severity.INFO, "info"), (Severity.WARNING, "warning")])
async def test_severities_have_their_colours(severity: Severity, kind: str) -> None:
    with listening() as server:
        assert await Channel("hook", server.url()).send(Message("s", "b", severity), 5.0) == ""
    assert server.bodies[0]["type"] == kind


@pytest.mark.parametrize("status", [500, 503, 401, 404, 302])
async def test_a_refusal_is_said_without_the_address(status: int) -> None:
    with listening() as server:
        server.status = status
        error = await Channel("hook", server.url()).send(MESSAGE, 5.0)
    assert str(status) in error
    assert TOKEN not in error
    assert server.bodies == []


async def test_nobody_there_is_said_without_the_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = await Channel("hook", f"json://user:{PLANTED}@127.0.0.1:{port}/{TOKEN}").send(MESSAGE, 5.0)
    assert "onnection error" in error
    assert TOKEN not in error
    assert PLANTED not in error


async def test_a_server_that_hangs_is_given_up_and_takes_no_second_message() -> None:
    with listening() as server:
        server.hangs = True
        channel = Channel("hook", server.url("?rto=30"))
        began = time.monotonic()
        beats = 0

        async def beat() -> None:
            nonlocal beats
            while True:
                beats += 1
                await asyncio.sleep(0.01)

        beating = asyncio.create_task(beat())
        assert await channel.send(MESSAGE, 0.5) == "no answer within 0.5 s"
        beating.cancel()
        assert time.monotonic() - began < 5.0
        assert beats > 10  # the loop was free meanwhile
        assert await channel.send(MESSAGE, 0.5) == STUCK
        server.hangs = False
        server.released.set()
        for _ in range(500):
            if (error := await channel.send(MESSAGE, 5.0)) != STUCK:
                break
            await asyncio.sleep(0.01)
        assert error == ""


def test_a_channel_that_hangs_does_not_keep_the_process_alive() -> None:
    with listening() as server:
        server.hangs = True
        program = (
            "import asyncio; from bot.model import Severity; from bot.notifications.channels import Channel\n"
            "from bot.notifications.message import Message\n"
            f"channel = Channel('hook', {server.url('?rto=60')!r})\n"
            "print(asyncio.run(channel.send(Message('s', 'b', Severity.INFO), 0.2)))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=8, check=True
        )
    assert done.stdout == "no answer within 0.2 s\n"


async def test_an_address_that_is_not_understood_is_an_error_of_that_channel() -> None:
    assert await Channel("odd", "json://").send(MESSAGE, 5.0) == "ValueError: not understood"


@pytest.mark.parametrize(
    ("url", "trouble"),
    [
        ("json://127.0.0.1/x", ""),
        ("tgram://123456789:abcdefghijklmnopqrstuvwxyz012345678/12315544/", ""),
        (f"tgram://{PLANTED}", "Apprise does not understand what stands behind tgram://"),
        ("telegrm://x", "Apprise knows no telegrm://; "),
        (PLANTED, "it has no scheme such as tgram:// or mailto://"),
        (f"jsn://{PLANTED}", "Apprise knows no jsn://; did you mean 'json'?"),
    ],
)
def test_what_is_wrong_with_an_address(url: str, trouble: str) -> None:
    found = channel_trouble(url)
    assert found.startswith(trouble)
    assert bool(found) is bool(trouble)
    assert PLANTED not in found


def test_every_part_of_an_address_is_scrubbed() -> None:
    url = f"mailtos://me:{PLANTED}@smtp.example.org/box%20one?to=ann%40example.net"
    text = f"could not send {url} as me with {PLANTED} via smtp.example.org to ann@example.net, box one: 535"
    clean = scrubbed(text, url)
    for secret in (PLANTED, "smtp.example.org", "ann@example.net", "box one"):
        assert secret not in clean
    assert clean.endswith(": 535")


def test_nothing_loads_apprise_before_it_is_needed() -> None:
    program = "import sys; import bot.bootstrap; print('apprise' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "False\n"
