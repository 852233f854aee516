"""Devices as a fleet has them: each asks with its MAC address, and installs what it is sent."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from tests.support.server import Answer, RunningServer


@dataclass(slots=True)
class FleetDevice:
    """An ESP32 with a stock sketch.

    Attributes:
        number: The last digits of its MAC address.
        runs: The image that it runs.
        product: The product that it asks for.
        board: Its board.
        boots: Whether it boots what it is sent; otherwise it comes back with what it ran before.
    """

    number: int
    runs: bytes
    product: str = "lamp"
    board: str = "c3"
    boots: bool = True

    @property
    def mac(self) -> str:
        """Its MAC address."""
        return f"24:0a:c4:00:{self.number >> 8:02x}:{self.number & 255:02x}"

    @property
    def id(self) -> str:
        """Its id in the fleet."""
        return f"{self.product}/{self.mac}"

    @property
    def headers(self) -> tuple[str, ...]:
        """What the HTTPUpdate library of the ESP32 core 2.0.17 sends."""
        return (
            "User-Agent: ESP32-http-Update",
            "x-ESP32-mode: sketch",
            f"x-ESP32-STA-MAC: {self.mac.upper()}",
            f"x-ESP32-AP-MAC: {self.mac.upper()}",
            f"x-ESP32-sketch-md5: {hashlib.md5(self.runs).hexdigest()}",
            f"x-ESP32-sketch-size: {len(self.runs)}",
            "x-ESP32-free-space: 1310720",
            "x-ESP32-chip-size: 4194304",
            "x-ESP32-sdk-version: v4.4.6",
        )

    def ask(self, server: RunningServer, *more: str) -> Answer:
        """Asks for an update, with more headers if there are any, and boots what it is sent."""
        answer = server.get(f"/update/{self.product}/{self.board}", *self.headers, *more)
        if answer.status == 200 and self.boots:
            self.runs = answer.body
        return answer
