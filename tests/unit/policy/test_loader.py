"""Files become a bundle: what is read, what is left alone, what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.policy.loader import Bundle, Source, digest_of, load_bundle, read_documents

POLICY = "version: 1\nname: p\nchain: []\n"


def digest(*files: tuple[str, str]) -> str:
    return digest_of(read_documents(Bundle("x", tuple(Source(*file) for file in files))))


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "c.yaml"):
        (tmp_path / name).write_text(POLICY)

    bundle = load_bundle(tmp_path)

    assert [Path(file.name).name for file in bundle.files] == ["a.yml", "b.yaml", "c.yaml"]
    assert bundle.origin == str(tmp_path)


def test_only_policy_files_of_the_folder_itself_are_read(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "case.yaml").write_text("x")
    (tmp_path / "folder.yaml").mkdir()
    for name in (".a.yaml.swp", ".hidden.yaml", "schema.json", "a.yaml~", "README.md"):
        (tmp_path / name).write_text("x")
    (tmp_path / "a.yaml").write_text(POLICY)

    assert [Path(file.name).name for file in load_bundle(tmp_path).files] == ["a.yaml"]


def test_one_file_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "policy.txt"
    path.write_text(POLICY)

    assert load_bundle(path).files == (Source(str(path), POLICY),)


def test_without_a_path_the_built_in_policy_applies() -> None:
    (file,) = load_bundle(None).files

    assert "name: default" in file.text


def test_a_bundle_travels_to_the_workers_and_compares_by_content(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(POLICY)
    bundle = load_bundle(tmp_path)

    assert pickle.loads(pickle.dumps(bundle)) == bundle == load_bundle(tmp_path)  # noqa: S301  # our own
    (tmp_path / "a.yaml").write_text(POLICY + "\n")
    assert load_bundle(tmp_path) != bundle


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + POLICY.encode())

    assert load_bundle(path).files[0].text == POLICY


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name: caf\xe9\n", "a.yaml:1:10: the file is not UTF-8 (save it as UTF-8)"),
        (b"version: 1\n\xff", "a.yaml:2:1: the file is not UTF-8 (save it as UTF-8)"),
        (b"#" * 1_048_577, "a.yaml: the file is larger than 1048576 bytes"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_its_place(
    tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "a.yaml").write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        load_bundle(tmp_path)

    assert str(caught.value) == f"{tmp_path}/{said}"


def test_a_folder_without_policies_is_an_error(tmp_path: Path) -> None:
    """Else every request would be refused because somebody mistyped a path."""
    with pytest.raises(ConfigError, match="holds no policy"):
        load_bundle(tmp_path)


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory"):
        load_bundle(tmp_path / "nothing")


def test_a_folder_that_cannot_be_listed_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> list[Path]:
        raise PermissionError(13, "Permission denied")

    # Tests may run as root, whom no permission stops.
    monkeypatch.setattr("gateway.policy.loader.policy_files", refuse)

    with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
        load_bundle(tmp_path)


def test_the_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_bytes(b"\xff")

    with pytest.raises(ConfigError) as caught:
        load_bundle(tmp_path)

    assert len(caught.value.problems) == 2


def test_the_number_of_files_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.policy.loader.FILES_MAX", 1)
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(POLICY)

    with pytest.raises(ConfigError, match="more than 1 policy files"):
        load_bundle(tmp_path)


def test_the_digest_is_of_what_the_files_say() -> None:
    plain = digest(("a.yaml", POLICY))

    assert len(plain) == 64
    assert digest(("etc/a.yaml", f"# comment\n{POLICY}")) == plain
    assert digest(("a.yaml", 'chain: []\nname: "p"\nversion: 1')) == plain
    assert digest(("b.yaml", POLICY)) != plain
    assert digest(("a.yaml", POLICY.replace("p", "q"))) != plain
    assert digest(("a.yaml", POLICY), ("b.yaml", POLICY)) != plain


def test_every_broken_document_is_told() -> None:
    bundle = Bundle("x", (Source("a", "a: ["), Source("b", "b: 0xffffffffffffffffff")))

    with pytest.raises(ConfigError) as caught:
        read_documents(bundle)

    assert [problem.file for problem in caught.value.problems] == ["a", "b"]
