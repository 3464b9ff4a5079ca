"""A provider that was set through the API is connected to where it may lie, whatever its name leads to."""

from __future__ import annotations

import socket
from ipaddress import ip_network

import pytest

from headway.config.reach import networks
from headway.failures import Failure, FailureKind
from headway.transport.reach import ForbiddenError, check_name, permitted

pytestmark = pytest.mark.real

REPLY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
HERE = ("127.0.0.1/32",)


async def answer(reader, writer) -> None:
    while True:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(2)
        writer.write(REPLY)


def is_refused(failure: object) -> bool:
    assert isinstance(failure, Failure)
    return "private_networks" in failure.message


async def test_what_lies_where_it_must_not_is_never_connected_to(net):
    pool = net.origin(f"http://127.0.0.1:{await net.serve(answer)}", reach=())
    failure = await net.dial(pool)
    assert is_refused(failure)
    assert "its address is a loopback address" in failure.message
    assert net.accepted == 0


async def test_the_failure_lets_others_be_asked_and_is_not_repeated(net):
    failure = await net.dial(net.origin("http://127.0.0.1:9", reach=()))
    assert (failure.kind, failure.source, failure.should_retry) == (FailureKind.TRANSPORT, "gateway", False)


async def test_the_operators_file_may_say_anything(net):
    pool = net.origin(f"http://127.0.0.1:{await net.serve(answer)}")
    assert (await net.ask(pool)).body == b"ok"


async def test_networks_that_the_operator_lists_are_reached(net):
    pool = net.origin(f"http://127.0.0.1:{await net.serve(answer)}", reach=("10.0.0.0/8", "127.0.0.0/8"))
    assert (await net.ask(pool)).body == b"ok"


@pytest.mark.parametrize("reach", [(), ("::/0",)])
async def test_ipv4_in_ipv6_is_what_it_leads_to(net, reach):
    port = await net.serve(answer)
    assert is_refused(await net.dial(net.origin(f"http://[::ffff:127.0.0.1]:{port}", reach=reach)))
    infos = [(socket.AF_INET6, socket.SOCK_STREAM, 0, "", ("::ffff:127.0.0.1", port, 0, 0))]
    assert permitted(infos, networks(HERE)) == infos


async def test_a_name_that_leads_elsewhere_at_the_next_dial_is_refused_then(net, resolve):
    port = await net.serve(answer)
    asked = resolve(["127.0.0.1"], ["127.0.0.2"])
    pool = net.origin(f"http://upstream.test:{port}", reach=HERE)
    first = await net.dial(pool)
    assert not isinstance(first, Failure)
    first.abort()
    failure = await net.dial(pool)
    assert is_refused(failure)
    assert "127" not in failure.message, "what a name leads to is nobody's business"
    assert (len(asked), net.accepted) == (2, 1)


async def test_of_several_addresses_only_those_that_may_be_reached_are_tried(net, resolve):
    port = await net.serve(answer)
    resolve(["127.0.0.2", "::1", "127.0.0.1"])
    elsewhere = await net.serve(answer, host="127.0.0.2", port=port)
    assert elsewhere == port
    connection = await net.dial(net.origin(f"http://upstream.test:{port}", reach=HERE))
    assert connection.transport.get_extra_info("peername")[0] == "127.0.0.1"
    assert net.accepted == 1


async def test_a_connection_to_what_the_file_names_serves_nobody_else(net):
    """They differ in nothing but where they may lie."""
    upstreams_of_file = net.origin(f"http://127.0.0.1:{await net.serve(answer)}")
    assert (await net.ask(upstreams_of_file)).complete
    provider = net.provider(upstreams_of_file.label, reach=())
    assert net.upstreams[0].origin(provider) is not upstreams_of_file


async def test_networks_that_are_none_close_it(net):
    failure = await net.dial(net.origin("http://127.0.0.1:9", reach=("nonsense",)))
    assert failure.kind is FailureKind.TRANSPORT


# Through a proxy.


async def test_a_proxy_of_the_environment_may_lie_anywhere_and_resolves_names_itself(net):
    environ = {"http_proxy": f"http://127.0.0.1:{await net.serve(answer)}"}
    pool = net.origin("http://upstream.invalid", environ=environ, reach=())
    assert (await net.ask(pool)).body == b"ok"


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "127.1", "0x7f000001", "localhost", "[::ffff:10.0.0.1]"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_no_address_is_reached_through_it_that_must_not_be(net, host, scheme):
    environ = {f"{scheme}_proxy": f"http://127.0.0.1:{await net.serve(answer)}"}
    assert is_refused(await net.dial(net.origin(f"{scheme}://{host}:9", environ=environ, reach=())))
    assert net.accepted == 0


async def test_a_proxy_that_was_set_with_the_provider_is_asked_about_like_it(net):
    proxy = f"http://127.0.0.1:{await net.serve(answer)}"
    assert is_refused(await net.dial(net.origin("http://upstream.invalid", proxy=proxy, reach=())))
    assert net.accepted == 0
    assert (await net.ask(net.origin("http://upstream.invalid", proxy=proxy, reach=HERE))).body == b"ok"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "a.localhost", "127.1", "2130706433", "0177.0.0.1", "::1"])
def test_however_this_machine_is_written_it_is_recognised(host):
    with pytest.raises(ForbiddenError, match="loopback"):
        check_name(host, ())


@pytest.mark.parametrize("host", ["localhost.example.com", "8.8.8.8", "api.example.com", "127.1"])
def test_other_names_are_left_to_the_proxy(host):
    check_name(host, (ip_network("127.0.0.0/8"),))
