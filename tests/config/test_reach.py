"""Addresses that are not to be reached by what was set through the API."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from headway.config.reach import forbidden, networks


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.10",
        "::1",
        "0.0.0.0",
        "::",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.1.1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "224.0.0.1",
        "ff02::1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "2001:db8::1",
        "192.88.99.1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "2002:7f00:1::",
        "2002:a00:1::",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::10.0.0.1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "fd00:ec2::254",
    ],
)
def test_what_is_not_public_is_not_reached(address: str):
    assert forbidden(ip_address(address), ()) is not None


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "104.18.7.192", "2606:4700::6812:7c0", "::ffff:8.8.8.8", "2002:808:808::", "64:ff9b::8.8.8.8"],
)
def test_a_public_address_is_reached_however_it_is_written(address: str):
    assert forbidden(ip_address(address), ()) is None


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3"])
def test_a_network_that_the_operator_lists_is_reached(address: str):
    assert forbidden(ip_address(address), networks(["10.0.0.0/8"])) is None
    assert forbidden(ip_address(address), networks(["10.2.0.0/16", "fd00::/8"])) == "is a private address"


def test_a_metadata_service_must_be_listed_by_its_very_address():
    metadata = ip_address("169.254.169.254")
    assert forbidden(metadata, networks(["169.254.0.0/16"])) == "is a cloud's metadata service"
    assert forbidden(ip_address("fd00:ec2::254"), networks(["fd00::/8"])) == "is a cloud's metadata service"
    assert forbidden(metadata, networks(["169.254.169.254/32"])) is None
