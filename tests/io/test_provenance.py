"""Provenance says what made a result, without subprocesses and without guesses."""

import json
import subprocess
from pathlib import Path

import pytest

from bnflow.io.provenance import code_digest, collect, git_commit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def git(tmp_path: Path) -> Path:
    (tmp_path / ".git" / "refs" / "heads").mkdir(parents=True)
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    return tmp_path / ".git"


def test_a_digest_of_code_changes_with_a_byte_or_a_name_and_with_nothing_else(
    tmp_path: Path,
) -> None:
    (tmp_path / "a" / "inner").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    first = tmp_path / "a" / "inner" / "one.py"
    first.write_text("x = 1\n")
    seen = [code_digest("a", "b", root=tmp_path)]
    (tmp_path / "a" / "notes.txt").write_text("no code")
    (tmp_path / "other.py").write_text("elsewhere")
    assert code_digest("a", "b", root=tmp_path) == seen[0]
    first.write_text("x = 2\n")
    seen.append(code_digest("a", "b", root=tmp_path))
    first.rename(tmp_path / "b" / "one.py")
    seen.append(code_digest("a", "b", root=tmp_path))
    assert len(set(seen)) == 3
    assert code_digest("depth") == code_digest("depth") != code_digest("kernels")


def test_a_branch_is_followed_loose_or_packed(git: Path) -> None:
    assert git_commit(git.parent) is None  # no commit yet
    (git / "packed-refs").write_text(f"# pack-refs\n{COMMIT} refs/heads/main\n")
    assert git_commit(git.parent) == COMMIT
    (git / "refs" / "heads" / "main").write_text("f" * 40 + "\n")
    assert git_commit(git.parent) == "f" * 40


def test_a_detached_head_and_a_work_tree(git: Path, tmp_path: Path) -> None:
    tree = git / "worktrees" / "side"
    tree.mkdir(parents=True)
    (tree / "HEAD").write_text(COMMIT + "\n")
    (tree / "commondir").write_text("../..\n")
    (tmp_path / "side").mkdir()
    (tmp_path / "side" / ".git").write_text(f"gitdir: {tree}\n")
    assert git_commit(tmp_path / "side") == COMMIT
    (git / "refs" / "heads" / "topic").write_text("e" * 40)
    (tree / "HEAD").write_text("ref: refs/heads/topic\n")
    assert git_commit(tmp_path / "side") == "e" * 40


def test_a_repository_above_an_installed_package_does_not_count(git: Path) -> None:
    (git / "HEAD").write_text(COMMIT)
    package = git.parent / "site-packages" / "bnflow"
    package.mkdir(parents=True)
    assert git_commit(package) is None


def test_it_agrees_with_git(tmp_path: Path) -> None:
    def run(*words: str) -> str:
        command = ["git", "-c", "user.name=n", "-c", "user.email=e", *words]
        return subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    try:
        run("init")
    except FileNotFoundError:
        pytest.skip("git is not installed")
    run("commit", "--allow-empty", "-m", "m")
    assert git_commit(tmp_path) == run("rev-parse", "HEAD")


def test_collected_provenance_is_json_and_complete() -> None:
    made = json.loads(json.dumps(collect(seed=7, backend="numpy", dtype="float64")))
    assert made["seed"] == 7
    assert made["started"].endswith("+00:00")
    assert made["device"] is None
    gpu = {"gpu": "Card 9", "nvrtc": "12.9"}
    assert collect(7, "cuda", "float64", gpu)["device"] == gpu
    for name in ("bnflow", "python", "numpy", "scipy", "h5py", "hdf5", "platform", "host", "blas"):
        assert made[name]
