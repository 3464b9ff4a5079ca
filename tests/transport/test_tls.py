"""Whom TLS lets us trust, which certificate we show, and what an ending means on an encrypted connection."""

from __future__ import annotations

import asyncio
import datetime
import os
import socket
import ssl

import certifi
import pytest

from headway.failures import Failure, FailureKind
from headway.transport import upstreams
from headway.types import Tls

pytestmark = pytest.mark.real

REPLY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def read_request(reader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return await reader.readexactly(length)


async def answer_all(reader, writer) -> None:
    while True:
        await read_request(reader)
        writer.write(REPLY)


@pytest.fixture
def trusting(authority) -> Tls:
    return Tls(ca_file=authority.file)


async def refusal(net, pool) -> str:
    failure = await net.dial(pool)
    assert failure.kind is FailureKind.TRANSPORT
    assert pool.open == 0
    return failure.message


async def test_an_authority_of_ones_own_is_trusted_and_the_connection_reused(net, authority, trusting):
    port = await net.serve(answer_all, tls=authority.server())
    pool = net.origin(f"https://localhost:{port}/v1", tls=trusting)
    for _ in range(3):
        assert (await net.ask(pool)).body == b"ok"
    assert net.accepted == 1
    assert (pool.idle, pool.open) == (1, 1)


async def test_an_address_may_be_certified_like_a_name(net, authority, trusting):
    port = await net.serve(answer_all, tls=authority.server("127.0.0.1"))
    assert (await net.ask(net.origin(f"https://127.0.0.1:{port}", tls=trusting))).body == b"ok"


async def test_only_http_1_1_is_offered_and_nothing_older_than_tls_1_2(net, authority, trusting):
    context = authority.server()
    context.set_alpn_protocols(["h2", "http/1.1"])
    port = await net.serve(answer_all, tls=context)
    connection = await net.dial(net.origin(f"https://localhost:{port}", tls=trusting))
    assert connection.transport.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
    connection.abort()
    assert upstreams.trust(trusting).minimum_version >= ssl.TLSVersion.TLSv1_2


async def test_a_certificate_for_another_host_is_refused(net, authority, trusting):
    port = await net.serve(answer_all, tls=authority.server("api.example.com"))
    message = await refusal(net, net.origin(f"https://localhost:{port}", tls=trusting))
    assert message.startswith(
        f"cannot connect to https://localhost:{port}: its certificate is not trusted (Hostname mismatch"
    )


async def test_a_certificate_of_an_unknown_authority_is_refused(net, authority, trusting, make_authority):
    port = await net.serve(answer_all, tls=make_authority().server())
    message = await refusal(net, net.origin(f"https://localhost:{port}", tls=trusting))
    assert "its certificate is not trusted (unable to get local issuer certificate)" in message


async def test_the_systems_authorities_do_not_vouch_for_ours(net, authority):
    port = await net.serve(answer_all, tls=authority.server())
    message = await refusal(net, net.origin(f"https://localhost:{port}"))
    assert "its certificate is not trusted" in message


async def test_an_expired_certificate_is_refused(net, authority, trusting):
    long_ago = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    context = authority.server(not_before=long_ago, not_after=long_ago + datetime.timedelta(days=1))
    port = await net.serve(answer_all, tls=context)
    message = await refusal(net, net.origin(f"https://localhost:{port}", tls=trusting))
    assert "its certificate is not trusted (certificate has expired)" in message


async def test_a_server_without_tls_is_told_in_plain_words(net, trusting):
    async def speak_plainly(reader, writer):
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    port = await net.serve(speak_plainly)
    message = await refusal(net, net.origin(f"https://localhost:{port}", tls=trusting))
    assert message.startswith(f"cannot connect to https://localhost:{port}: TLS failed (")


async def test_a_server_that_hangs_up_during_the_handshake_is_a_failure_like_others(net, trusting):
    async def hang_up(reader, writer):
        await reader.read(10)

    port = await net.serve(hang_up)
    assert (await refusal(net, net.origin(f"https://localhost:{port}", tls=trusting))).startswith("cannot connect to ")


async def test_a_server_that_never_finishes_the_handshake_is_given_up_in_time(net, trusting):
    async def hang(reader, writer):
        await reader.read()

    port = await net.serve(hang)
    pool = net.origin(f"https://localhost:{port}", tls=trusting)
    failure = await net.dial(pool, timeout=0.05)
    assert failure.kind is FailureKind.TIMEOUT
    assert pool.open == 0
    await net.until(lambda: not net.handlers)


# Certificates of our own.


async def test_a_client_certificate_is_shown_where_one_is_configured(net, authority):
    context = authority.server()
    context.verify_mode = ssl.CERT_REQUIRED
    authority.ca.configure_trust(context)
    shown: list[object] = []

    async def look(reader, writer):
        shown.append(writer.get_extra_info("peercert")["subjectAltName"])
        await answer_all(reader, writer)

    port = await net.serve(look, tls=context)
    cert, key = authority.client("gateway.test")
    tls = Tls(ca_file=authority.file, client_cert=cert, client_key=key)
    assert (await net.ask(net.origin(f"https://localhost:{port}", tls=tls))).body == b"ok"
    assert shown == [(("DNS", "gateway.test"),)]


async def test_without_the_certificate_that_a_server_demands_nothing_is_answered(net, authority, trusting):
    context = authority.server()
    context.verify_mode = ssl.CERT_REQUIRED
    authority.ca.configure_trust(context)
    port = await net.serve(answer_all, tls=context)
    pool = net.origin(f"https://localhost:{port}", tls=trusting)
    connection = await net.dial(pool)
    if not isinstance(connection, Failure):  # in TLS 1.3 the client is done before the server has looked
        connection.abort()
        ear = await net.ask(pool)
        assert ear.failure.kind is FailureKind.TRANSPORT
    assert pool.open == 0


@pytest.mark.parametrize("which", ["ca_file", "client_cert"])
@pytest.mark.parametrize("content", [None, "nonsense"])
async def test_files_that_cannot_be_used_fail_the_dial_and_not_the_request(which, content, net, authority, tmp_path):
    path = tmp_path / "file.pem"
    if content is not None:
        path.write_text(content)
    files = {"ca_file": authority.file, which: str(path)}
    pool = net.origin("https://localhost:1", tls=Tls(**files))
    failure = await net.dial(pool)
    assert failure.kind is FailureKind.TRANSPORT
    assert failure.message == "cannot connect to provider up: its TLS files cannot be used"


async def test_files_that_are_mended_are_used_from_the_next_reload_on(net, authority, tmp_path):
    path = tmp_path / "ca.pem"
    port = await net.serve(answer_all, tls=authority.server())
    broken = net.origin(f"https://localhost:{port}", tls=Tls(ca_file=str(path)))
    assert isinstance(await net.dial(broken), Failure)
    authority.ca.cert_pem.write_to_path(str(path))
    mended = net.origin(f"https://localhost:{port}", tls=Tls(ca_file=str(path)))
    assert (await net.ask(mended)).body == b"ok"


def test_where_the_system_has_no_authorities_certifis_are_used(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    expected = ssl.create_default_context(cafile=certifi.where())
    assert len(upstreams.trust(Tls()).get_ca_certs()) == len(expected.get_ca_certs()) > 0


def test_where_the_system_has_authorities_certifis_are_not_added(monkeypatch, tmp_path, authority):
    monkeypatch.setenv("SSL_CERT_FILE", authority.file)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    assert len(upstreams.trust(Tls()).get_ca_certs()) == 1


def test_a_directory_of_authorities_counts_as_the_systems(monkeypatch, tmp_path):
    (tmp_path / "0123abcd.0").write_text("looked up on demand")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert upstreams.trust(Tls()).get_ca_certs() == []


# Endings.


async def stream_without_length(reader, writer) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\n\r\nsound")
    await writer.drain()


async def test_an_answer_that_the_server_ends_with_its_connection_is_whole(net, authority, trusting):
    port = await net.serve(stream_without_length, tls=authority.server())
    pool = net.origin(f"https://localhost:{port}", tls=trusting)
    ear = await net.ask(pool)
    assert (ear.body, ear.complete) == (b"sound", True)
    assert pool.open == 0


async def test_an_answer_without_length_that_somebody_cuts_off_is_not_taken_for_a_whole_one(
    net, authority, trusting, make_ear
):
    cut = asyncio.Event()

    async def be_cut_off(reader, writer):
        await stream_without_length(reader, writer)
        await cut.wait()
        below = socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno()))
        below.shutdown(socket.SHUT_WR)  # without the closing alert of TLS
        below.close()
        await reader.read()

    pool = net.origin(f"https://localhost:{await net.serve(be_cut_off, tls=authority.server())}", tls=trusting)
    connection, ear = await net.dial(pool), make_ear()
    connection.send(b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n", b"", ear)
    await asyncio.wait_for(ear.heard.wait(), 10)
    cut.set()
    await asyncio.wait_for(ear.over.wait(), 10)
    assert ear.body == b"sound"
    assert ear.failure.kind is FailureKind.BAD_REPLY
    assert pool.open == 0


async def test_a_reply_over_tls_to_a_request_that_is_still_being_written_costs_the_connection(net, authority, trusting):
    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")
        await asyncio.sleep(10)

    port = await net.serve(refuse, tls=authority.server())
    pool = net.origin(f"https://localhost:{port}", tls=trusting)
    ear = await net.ask(pool, b"x" * 32_000_000)
    assert (ear.status, ear.body) == (413, b"no")
    assert (pool.idle, pool.open) == (0, 0)


async def test_a_large_body_arrives_intact_over_tls(net, authority, trusting):
    received: list[bytes] = []

    async def keep(reader, writer):
        received.append(await read_request(reader))
        writer.write(REPLY)
        await reader.read()

    port = await net.serve(keep, tls=authority.server())
    body = bytes(range(256)) * 8000
    assert (await net.ask(net.origin(f"https://localhost:{port}", tls=trusting), body)).body == b"ok"
    assert received == [body]


async def test_a_server_that_speaks_first_over_tls_is_not_used(net, authority, trusting):
    async def greet(reader, writer):
        writer.write(REPLY)
        await reader.read()

    port = await net.serve(greet, tls=authority.server())
    pool = net.origin(f"https://localhost:{port}", tls=trusting)
    connection = await net.dial(pool)
    if not isinstance(connection, Failure):
        await net.until(lambda: connection.transport is None)
    assert pool.open == 0


# Leaving while the handshake runs.


async def test_a_dial_cancelled_at_any_step_of_the_handshake_leaves_nothing(net, authority, trusting):
    port = await net.serve(answer_all, tls=authority.server())
    pool = net.origin(f"https://127.0.0.1:{port}", tls=trusting)
    files, tasks = net.open_files(), len(asyncio.all_tasks())
    callers = []
    for steps in range(30):
        caller = net.caller()
        callers.append(caller)
        dial = pool.dial(5.0, caller)
        for _ in range(steps):
            await asyncio.sleep(0)
        dial.cancel()
        await asyncio.sleep(0)
        if caller.outcome.done():
            caller.outcome.result().abort()
    await net.until(lambda: len(asyncio.all_tasks()) == tasks)
    await net.until_open_files(files)
    assert pool.open == 0
    assert any(not caller.outcome.done() for caller in callers)
