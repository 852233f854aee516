"""A server has all its ports, or none."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from acpublish.errors import SettingsError
from acpublish.server.config import ServerOptions
from acpublish.server.ports import open_ports
from tests.support.certificates import Certificates, certificates


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("tls"))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_the_port_for_tls_comes_last(tmp_path: Path, files: Certificates) -> None:
    plain = ServerOptions(catalog=tmp_path, bind="127.0.0.1", port=0)
    (port,) = open_ports(plain)
    with port.listener:
        assert port.url == f"http://127.0.0.1:{port.listener.getsockname()[1]}"
    both = ServerOptions(
        catalog=tmp_path,
        bind="127.0.0.1",
        port=0,
        tls_port=0,
        tls_cert=files.server,
        tls_key=files.key,
    )
    first, second = open_ports(both)
    with first.listener, second.listener:
        assert first.url.startswith("http://")
        assert second.url == f"https://127.0.0.1:{second.listener.getsockname()[1]}"


def test_without_the_port_for_tls_the_other_is_closed_again(
    tmp_path: Path, files: Certificates
) -> None:
    number = _free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = ServerOptions(
            catalog=tmp_path,
            bind="127.0.0.1",
            port=number,
            tls_port=taken.getsockname()[1],
            tls_cert=files.server,
            tls_key=files.key,
        )
        with pytest.raises(SettingsError, match="in use"):
            open_ports(options)
        socket.create_server(("127.0.0.1", number)).close()
