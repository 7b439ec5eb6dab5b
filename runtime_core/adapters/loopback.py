"""Detection of loopback addresses."""

from __future__ import annotations

import ipaddress


def is_loopback_host(host: str) -> bool:
    """Check whether a host is the loopback, without a DNS lookup.

    Args:
        host: A host name or an address, without brackets.
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
