"""Whether the wheel and the sdist in a folder hold what they must and nothing else: package.py FOLDER."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main(folder: Path) -> None:
    sources = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src/patwarden").rglob("*")
        if path.is_file() and path.suffix in (".py", ".pyi", ".typed")
    }
    assert {"patwarden/py.typed", "patwarden/v1/authorization_pb2.pyi", "patwarden/fastapi.py"} <= sources

    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        [info] = {name.split("/")[0] for name in names if ".dist-info/" in name}
        metadata = archive.read(f"{info}/METADATA").decode()
        license_text = archive.read(f"{info}/licenses/LICENSE")
    assert names == sources | {f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "licenses/LICENSE")}
    assert license_text == (ROOT / "LICENSE").read_bytes()
    for line in ("Name: patwarden", "License-Expression: Apache-2.0", "Typing :: Typed", "Provides-Extra: fastapi"):
        assert line in metadata, line
    assert "# Patwarden for Python" in metadata

    [sdist] = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    rest = {"README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", "PKG-INFO", ".gitignore"}
    assert names == {f"src/{name}" for name in sources} | rest


if __name__ == "__main__":
    main(Path(sys.argv[1]))
