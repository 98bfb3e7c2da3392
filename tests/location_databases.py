"""Writes location databases in MaxMind's format, as the plugins read them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet


def write_countries(path: Path, countries: Mapping[str, str], *, ip_version: int = 6) -> None:
    """A database of type GeoLite2-Country that maps networks to country codes."""
    records = {
        network: {"country": {"iso_code": code}, "registered_country": {"iso_code": "ZZ"}}
        for network, code in countries.items()
    }
    write_database(path, "GeoLite2-Country", records, ip_version=ip_version)


def write_systems(path: Path, systems: Mapping[str, int]) -> None:
    """A database of type GeoLite2-ASN that maps networks to autonomous system numbers."""
    records = {
        network: {"autonomous_system_number": number, "autonomous_system_organization": "x"}
        for network, number in systems.items()
    }
    write_database(path, "GeoLite2-ASN", records)


def write_database(
    path: Path, database_type: str, records: Mapping[str, dict[str, Any]], *, ip_version: int = 6
) -> None:
    """Writes beside `path` and renames, as updaters do: a mapped file must not change in place."""
    writer = MMDBWriter(
        ip_version=ip_version,
        database_type=database_type,
        ipv4_compatible=ip_version == 6,
        int_type="u32",
    )
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    fresh = path.with_name(path.name + ".new")
    writer.to_db_file(str(fresh))
    fresh.replace(path)
