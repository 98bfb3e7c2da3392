"""Uploads."""

from __future__ import annotations

import aiohttp

from gateway.demo.files import FileStore
from tests.unit.demo.asking import DemoClient


class TestFiles:
    async def test_an_upload_can_be_listed_read_and_deleted(self, client: DemoClient) -> None:
        form = aiohttp.FormData({"purpose": "user_data"})
        form.add_field("file", b"\x00\xff" * 10, filename="a.bin")
        async with client.post("/v1/files", data=form) as response:
            uploaded = await response.json()
        url = f"/v1/files/{uploaded['id']}"

        async with client.get("/v1/files") as response:
            listed = (await response.json())["data"]
        async with client.get(f"{url}/content") as response:
            content = await response.read()
        async with client.delete(url) as response:
            deleted = await response.json()
        async with client.get(url) as response:
            gone = response.status

        assert (uploaded["filename"], uploaded["bytes"]) == ("a.bin", 20)
        assert listed == [uploaded]
        assert content == b"\x00\xff" * 10
        assert (deleted["deleted"], gone) == (True, 404)

    async def test_an_upload_without_a_file_is_a_native_400(self, client: DemoClient) -> None:
        form = aiohttp.FormData({"purpose": "user_data"}, default_to_multipart=True)
        async with client.post("/v1/files", data=form) as multipart:
            missing = await multipart.json()
        async with client.post("/v1/files", data=b"x") as plain:
            wrong = await plain.json()

        assert "part `file` is missing" in missing["error"]["message"]
        assert "multipart/form-data" in wrong["error"]["message"]


def test_the_oldest_uploads_go_when_there_are_too_many() -> None:
    store = FileStore(files_max=2, bytes_max=10)
    first, second, third = (store.add(f"{i}", "user_data", b"xx") for i in range(3))
    assert [store.get(stored.id) for stored in (first, second, third)] == [None, second, third]

    large = store.add("large", "user_data", b"x" * 20)

    assert [store.get(stored.id) for stored in (second, third, large)] == [None, None, large]
