"""How a phone reaches the app: addresses, a QR code for the terminal, certificates of a local authority."""

import errno
import io
import socket
from ipaddress import ip_address
from pathlib import Path

import psutil
import qrcode

from storage.whole_file import write_whole


def reachable(host: str) -> list[str]:
    """Names under which an app bound to `host` is reached: itself, or every address of this machine for 0.0.0.0."""
    if host not in ("0.0.0.0", "::"):
        return [host]
    found = [
        one.address
        for addresses in psutil.net_if_addrs().values()
        for one in addresses
        if one.family == socket.AF_INET and not ip_address(one.address).is_loopback
    ]
    return found or ["127.0.0.1"]


def own_hosts(names: list[str]) -> set[str]:
    """What a browser may call this machine: the names that are printed, its host name, and each of its addresses."""
    name = socket.gethostname()
    addresses = {
        one.address.partition("%")[0]
        for addresses in psutil.net_if_addrs().values()
        for one in addresses
        if one.family in (socket.AF_INET, socket.AF_INET6)
    }
    return {*names, name, f"{name.partition('.')[0]}.local", *addresses}


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections from now on. Raises ValueError where another program has the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, dualstack_ipv6=host == "::")
    except OSError as error:
        why = "another program uses it, choose another port" if error.errno == errno.EADDRINUSE else error.strerror
        raise ValueError(f"host={host} port={port}: {why}") from None


def qr(address: str) -> str:
    """The address as a QR code in text."""
    code = qrcode.QRCode(border=2)
    code.add_data(address)
    text = io.StringIO()
    code.print_ascii(out=text, invert=True)
    return text.getvalue()


def certificate(folder: Path, names: list[str]) -> tuple[Path, Path]:
    """A certificate for these names by an authority of this machine alone, made at its first use and kept.

    Returns:
        the file with certificate and key for the server; the authority's certificate, which a phone has to trust.

    """
    from web.authority import Authority

    folder.mkdir(parents=True, exist_ok=True)
    server_file = folder / "server.pem"
    authority = Authority.kept_in(folder, names)
    server_file.touch(mode=0o600)
    write_whole(server_file, authority.issued(names))
    server_file.chmod(0o600)
    return server_file, authority.file
