from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.server.data_dir import DataDir


def test_makes_the_folder_for_this_user_alone(tmp_path: Path) -> None:
    folder = DataDir(tmp_path / "a" / "b")
    try:
        assert folder.path.stat().st_mode & 0o777 == 0o700
    finally:
        folder.close()


def test_a_second_gateway_is_told_who_uses_the_folder(tmp_path: Path) -> None:
    first = DataDir(tmp_path)
    try:
        with pytest.raises(ConfigError, match=rf"another gateway \(pid {os.getpid()}\)"):
            DataDir(tmp_path)
    finally:
        first.close()
    DataDir(tmp_path).close()


def test_a_file_in_the_way_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")

    with pytest.raises(ConfigError, match="the data folder cannot be used"):
        DataDir(tmp_path / "data")


def test_a_socket_left_by_a_dead_gateway_is_removed(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "demo.sock"))
    folder = DataDir(tmp_path)
    try:
        assert not folder.clear_socket("demo.sock").exists()
    finally:
        folder.close()
