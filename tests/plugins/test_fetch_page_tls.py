"""`fetch_page` over TLS: the certificate must be the host's, although the connection is made to an address."""

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mdsa_server.plugin_api import ToolRefused
from tests.plugins.page_fetching import fetcher, read
from tests.plugins.page_server import PageServer, answer, redirect, serving


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for `pages.test` with its key, which vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pages.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("pages.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "pages.pem"
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *plain) + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture
def called() -> list[str | None]:
    """What clients called the server by when they began to speak TLS."""
    return []


@pytest.fixture
async def server(certificate: Path, called: list[str | None]) -> AsyncIterator[PageServer]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    tls.sni_callback = lambda _, name, __: called.append(name)
    pages = {"/": answer(b"<p>in secret"), "/down": redirect("http://pages.test/")}
    async with serving(pages, tls) as server:
        yield server


@pytest.fixture
def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


async def test_the_host_is_called_by_its_name(
    server: PageServer, trusting: ssl.SSLContext, called: list[str | None]
) -> None:
    assert "in secret" in await read(fetcher(server.port, tls=trusting), f"https://pages.test:{server.port}/")
    assert called == ["pages.test"]
    assert f"\r\nHost: pages.test:{server.port}\r\n" in server.asked[0]


async def test_another_hosts_certificate_is_refused(server: PageServer, trusting: ssl.SSLContext) -> None:
    with pytest.raises(ToolRefused, match=r"(?i)certificate"):
        await read(fetcher(server.port, tls=trusting), f"https://other.test:{server.port}/")
    assert server.asked == []


async def test_a_certificate_that_nobody_vouches_for_is_refused(server: PageServer) -> None:
    with pytest.raises(ToolRefused, match=r"(?i)certificate"):
        await read(fetcher(server.port), f"https://pages.test:{server.port}/")
    assert server.asked == []


async def test_a_page_may_lead_from_http_to_https(server: PageServer, trusting: ssl.SSLContext) -> None:
    async with serving({"/": redirect(f"https://pages.test:{server.port}/")}) as open_server:
        ports = server.port, open_server.port
        assert "in secret" in await read(fetcher(*ports, tls=trusting), f"http://pages.test:{open_server.port}/")


async def test_no_page_may_lead_from_https_to_http(server: PageServer, trusting: ssl.SSLContext) -> None:
    with pytest.raises(ToolRefused, match="from https to http"):
        await read(fetcher(server.port, 80, tls=trusting), f"https://pages.test:{server.port}/down")
