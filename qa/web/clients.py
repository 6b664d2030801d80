"""The address a request came from. A proxy says whom it speaks for in `X-Forwarded-For`, but anybody can write that
header: it is believed only from the proxies that the operator named."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.types import Scope

from qa.config import Config

UNKNOWN = "-"
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(scope: Scope, config: Config) -> str:
    """The peer; or, when it is a configured proxy, the last address on the list that is none."""
    client = scope.get("client")
    address = str(client[0]) if client else UNKNOWN
    proxies = networks(config.trusted_proxies)
    if not proxies:
        return address
    stated = [part.strip() for line in Headers(scope=scope).getlist("x-forwarded-for") for part in line.split(",")]
    while _is_in(address, proxies) and stated:
        address = stated.pop()
    return address if address == UNKNOWN or _parsed(address) else UNKNOWN


@lru_cache(maxsize=8)
def networks(text: str) -> tuple[_Network, ...]:
    """Addresses and networks separated by commas. Raises `ValueError` for anything else."""
    return tuple(ipaddress.ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())


def _is_in(address: str, proxies: tuple[_Network, ...]) -> bool:
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in proxies)


@lru_cache(maxsize=1_000)
def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None
