"""``acpublish serve``: serve a catalog to devices."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acpublish.cli.common_options import (
    directory_for,
    directory_option,
    old_directory_option,
    one_catalog,
)
from acpublish.cli.ui import warn
from acpublish.errors import SettingsError

if TYPE_CHECKING:
    from acpublish.notices.mqtt_address import MqttAddress

#: The names of the levels of :mod:`logging`, including the short forms.
LEVELS = ("critical", "fatal", "error", "warning", "warn", "info", "debug", "notset")


@click.command("serve")
@directory_option
@old_directory_option
@click.option(
    "--port",
    "-p",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="The port to listen on; 0 for a free one.",
)
@click.option("--bind", "-b", metavar="ADDR", help="The address to listen on.  [this host's own]")
@click.option(
    "--host",
    "hosts",
    metavar="NAME",
    multiple=True,
    help="Another name of the server, such as that of a proxy; https://NAME if clients reach it by "
    "https. May be repeated.",
)
@click.option(
    "--tls-cert",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Also serve over TLS, with this certificate and its chain (PEM).",
)
@click.option(
    "--tls-key",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The certificate's private key (PEM). Both files are loaded again when they change.",
)
@click.option(
    "--tls-port",
    type=click.IntRange(0, 65535),
    help="The port for TLS; 0 for a free one.  [8443]",
)
@click.option(
    "--proxy-protocol",
    "proxies",
    metavar="FROM",
    multiple=True,
    help="The address or network of a proxy that passes TCP through and begins each connection "
    "with a PROXY header (v1, v2). May be repeated.",
)
@click.option(
    "--log",
    "-l",
    default="INFO",
    show_default=True,
    type=click.Choice(LEVELS, case_sensitive=False),
    help="The least severe level to log.",
)
@click.option(
    "--state",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The folder that stores the tokens.  [the user's state folder]",
)
@click.option(
    "--grace",
    default=30.0,
    show_default=True,
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="How long downloads in progress may continue after Ctrl-C or SIGTERM.",
)
@click.option(
    "--no-fleet",
    is_flag=True,
    help="Decide by each request alone: no devices are remembered, and no rollouts made.",
)
@click.option(
    "--max-offers",
    default=1000,
    show_default=True,
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="How many devices may be updated at a time; others hear that there is nothing yet.",
)
@click.option(
    "--insecure-login",
    is_flag=True,
    help="Let people sign in to the page over plain http from another machine with a token that "
    "may manage.",
)
@click.option(
    "--mqtt",
    metavar="URL",
    help="An MQTT broker to tell what happens, and to show each device in Home Assistant: "
    "mqtt://USER:PASSWORD@HOST:1883/PREFIX.  [ACPUBLISH_MQTT]",
)
@click.option(
    "--mqtt-install",
    is_flag=True,
    help="Let anyone on the broker order the update of a device that it shows.",
)
def command(
    to: str | None,
    old_to: Path | None,
    port: int,
    bind: str | None,
    hosts: tuple[str, ...],
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_port: int | None,
    proxies: tuple[str, ...],
    log: str,
    state: Path | None,
    grace: float,
    no_fleet: bool,
    max_offers: int,
    insecure_login: bool,
    mqtt: str | None,
    mqtt_install: bool,
) -> int:
    """Serve a catalog directory to AutoConnectUpdate, ESPhttpUpdate and HTTPUpdate sketches.

    Any directory with .bin files will do. Nobody can publish to the server until a token has been
    created (acpublish token create).
    """
    from acpublish.server.config import DEFAULT_TLS_PORT, ServerOptions
    from acpublish.server.run import serve

    if math.isnan(grace):
        raise click.BadParameter("nan is not a number of seconds.", param_hint="--grace")
    if tls_cert is not None and port == (DEFAULT_TLS_PORT if tls_port is None else tls_port) != 0:
        default = " (its default)" if tls_port is None else ""
        raise SettingsError(
            f"--port and --tls-port{default} are both {port}",
            hint="Choose another port for one of them; 0 is a free one.",
        )
    return serve(
        ServerOptions(
            catalog=directory_for(one_catalog(to, None if old_to is None else str(old_to))),
            bind=bind,
            hosts=hosts,
            port=port,
            tls_cert=tls_cert,
            tls_key=tls_key,
            tls_port=tls_port,
            proxies=proxies,
            log=log.upper(),
            state=state,
            grace_s=grace,
            fleet=not no_fleet,
            max_offers=max_offers,
            insecure_login=insecure_login,
            mqtt=_broker(mqtt, mqtt_install),
            mqtt_install=mqtt_install,
        )
    )


def _broker(url: str | None, install: bool) -> MqttAddress | None:
    """Returns the MQTT broker, None for none.

    Raises:
        SettingsError: Its URL is not valid, or there is none where one is needed.
    """
    from acpublish.settings.mqtt_setting import SHOWN_TO_ALL, mqtt_address

    broker = mqtt_address(url, os.environ)
    if broker is None and install:
        raise SettingsError(
            "--mqtt-install needs a broker", hint="Set its URL with --mqtt or ACPUBLISH_MQTT."
        )
    if broker is not None and url is not None and broker.password:
        warn(SHOWN_TO_ALL)
    return broker
