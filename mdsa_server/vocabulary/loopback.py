"""Whether an address is this machine's alone, as where the server listens and where it is asked are both judged."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there: of names, localhost alone is sure to stay."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
