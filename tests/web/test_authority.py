"""The authority that a phone trusts speaks for this network alone, and not for ever."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from web.addresses import certificate
from web.authority import Authority

NAMES = ["localhost", "127.0.0.1", "192.168.1.7", "bench.local"]


def test_it_is_kept_for_two_years_at_most_and_for_private_names(tmp_path):
    server, authority = certificate(tmp_path, NAMES)
    found = x509.load_pem_x509_certificate(authority.read_bytes())
    assert found.not_valid_after_utc - datetime.now(UTC) < timedelta(days=731)
    limits = found.extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    assert "google.com" not in str(limits.value)
    before = authority.read_bytes()
    certificate(tmp_path, NAMES)
    assert authority.read_bytes() == before
    assert server.stat().st_mode & 0o77 == 0
    assert (tmp_path / "ca-key.pem").stat().st_mode & 0o77 == 0


def test_an_old_unlimited_authority_is_made_anew(tmp_path):
    trustme = pytest.importorskip("trustme")
    old = trustme.CA()
    old.private_key_pem.write_to_path(tmp_path / "ca-key.pem")
    old.cert_pem.write_to_path(tmp_path / "ca.pem")
    before = (tmp_path / "ca.pem").read_bytes()
    certificate(tmp_path, NAMES)
    assert (tmp_path / "ca.pem").read_bytes() != before


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is what checks the chain")
@pytest.mark.parametrize(("names", "good"), [(NAMES, True), (["google.com"], False), (["8.8.8.8"], False)])
def test_a_foreign_name_is_refused_by_those_who_check(tmp_path, names, good):
    certificate(tmp_path, NAMES)
    kept = Authority.kept_in(tmp_path, NAMES)
    (tmp_path / "leaf.pem").write_bytes(kept.issued(names))
    line = ["openssl", "verify", "-CAfile", str(kept.file), str(tmp_path / "leaf.pem")]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is good, done.stdout + done.stderr
