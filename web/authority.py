"""The certificate authority of this machine: two years at most, and for names of the own network alone (RFC 5280, 4.2.1.10)."""

import ipaddress
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from storage.whole_file import write_whole

LIFETIME = timedelta(days=730)
SERVER_LIFETIME = timedelta(days=397)
"""Browsers refuse longer ones."""
PRIVATE = (
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10",
)  # fmt: skip
LOCAL_NAMES = ("localhost", "local", "lan", "home.arpa", "internal")


@dataclass(frozen=True)
class Authority:
    """Issues certificates for servers on this machine."""

    file: Path
    """Its own certificate, for phones."""
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def kept_in(cls, folder: Path, names: list[str]) -> "Authority":
        """The one of this folder; a new one where there is none, or it has run out, or is not constrained to these names."""
        key_file, file = folder / "ca-key.pem", folder / "ca.pem"
        if key_file.exists() and file.exists():
            certificate = x509.load_pem_x509_certificate(file.read_bytes())
            key = load_pem_private_key(key_file.read_bytes(), None)
            if isinstance(key, ec.EllipticCurvePrivateKey) and _serves(certificate, names):
                return cls(file, certificate, key)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _self_signed(key, names)
        key_file.unlink(missing_ok=True)
        os.close(os.open(key_file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        key_file.write_bytes(_pem(key))
        write_whole(file, certificate.public_bytes(Encoding.PEM))
        return cls(file, certificate, key)

    def issued(self, names: list[str]) -> bytes:
        """Key and certificates of a server with these names, PEM."""
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        until = min(now + SERVER_LIFETIME, self.certificate.not_valid_after_utc)
        found = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gridlite")]))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return _pem(key) + found.public_bytes(Encoding.PEM) + self.certificate.public_bytes(Encoding.PEM)


def _self_signed(key: ec.EllipticCurvePrivateKey, names: list[str]) -> x509.Certificate:
    now, name = datetime.now(UTC), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gridlite on this machine")])
    permitted: list[x509.GeneralName] = [x509.DNSName(one) for one in LOCAL_NAMES]
    permitted += [x509.IPAddress(ipaddress.ip_network(one)) for one in PRIVATE]
    permitted += [_subtree(one) for one in names if not _covered(_general(one), permitted)]
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now - timedelta(hours=1) + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.NameConstraints(permitted_subtrees=permitted, excluded_subtrees=None), critical=True)
        .add_extension(_signs_only(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _signs_only() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _serves(certificate: x509.Certificate, names: list[str]) -> bool:
    try:
        permitted = certificate.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    except x509.ExtensionNotFound:
        return False
    left = certificate.not_valid_after_utc - datetime.now(UTC)
    return left > timedelta(days=1) and all(_covered(_general(name), permitted) for name in names)


def _covered(name: x509.GeneralName, permitted: list[x509.GeneralName]) -> bool:
    for one in permitted:
        if isinstance(name, x509.DNSName) and isinstance(one, x509.DNSName):
            if name.value == one.value or name.value.endswith(f".{one.value}"):
                return True
        elif isinstance(name, x509.IPAddress) and isinstance(one, x509.IPAddress):
            inner, outer = ipaddress.ip_network(str(name.value)), ipaddress.ip_network(str(one.value))
            if isinstance(inner, type(outer)) and inner.subnet_of(outer):  # type: ignore[arg-type]
                return True
    return False


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _subtree(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_network(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
