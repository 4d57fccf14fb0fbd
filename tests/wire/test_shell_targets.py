"""What a shell command writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookspan.wire.shell_targets import targets


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("ls -l 2>/dev/null", ""),
        ("echo a > b.txt 2>&1", "/w/b.txt"),
        ("make >>'out put.log' 2>err.log", "/w/out put.log /w/err.log"),
        ("make &> both.log; make >| forced.log; make >&also.log", "/w/both.log /w/forced.log /w/also.log"),
        ("x | sudo tee -a /etc/hosts c", "/etc/hosts /w/c"),
        ("cat > a.py <<'EOF'\nx > not.py\nrm not.py\nEOF\necho > b.py", "/w/a.py /w/b.py"),
        ("cat <<-EOF > a.py\n\tx > not\n\tEOF\n rm b", "/w/a.py /w/b"),
        ("cat <<< 'x > y' > a", "/w/a"),
        ("sed -i 's/a > b/c/' x.c y.c", "/w/x.c /w/y.c"),
        ("sed -n '/a/p' x.c", ""),
        ("sed -i.bak -e s/a/b/ -e 's/c/d/' x.c", "/w/x.c"),
        ("sed -i '' s/a/b/ x.c", "/w/x.c"),
        ("sed --in-place --expression=s/a/b/ x.c", "/w/x.c"),
        ("perl -pi -e 's/a/b/' x.c", "/w/x.c"),
        ("cd sub && echo > a; (cd .. ; echo > b); echo > c; cd $X; echo > d", "/w/sub/a /w/b /w/sub/c"),
        ("mv a.py lib/", "/w/a.py /w/lib /w/lib/a.py"),
        ("cp -r a.py b.py", "/w/b.py /w/b.py/a.py"),
        ("rm -rf -- build x.py -y", "/w/build /w/x.py /w/-y"),
        ("rm *.py $HOME/x ~/y a{b,c} `ls` 'lit*eral' \"$x\"", "/w/lit*eral"),
        ("cp a \\\n  b.py # > no", "/w/b.py /w/b.py/a"),
        ("if true; then { A=1 rm a; }; fi", "/w/a"),
        ("git rm old.py && git mv a b", "/w/old.py /w/a /w/b /w/b/a"),
        ("git checkout -- a.py b.py", "/w/a.py /w/b.py"),
        ("git checkout HEAD~1 a.py; git checkout src/x.py", "/w/a.py /w/src/x.py"),
        ("git restore --staged a.py; git restore b.py", "/w/b.py"),
        ("echo 'never > closed", ""),
        ("diff <(sort a) <(sort b) > c", "/w/c"),
        ("truncate -s 0 log", "/w/log"),
        ("awk '$1 > 3' in", ""),
        ("rm a\u00a0b.png c\u202fd \f\v\x1c\x85\u3000 e", "/w/a\u00a0b.png /w/c\u202fd /w/\f\v\x1c\x85\u3000 /w/e"),
    ],
)
def test_files(command, files):
    found = targets(command, "/w")
    assert (" ".join(found.files), found.tree) == (files, "")


@pytest.mark.parametrize(
    ("command", "tree"),
    [
        ("git stash", "/w"),
        ("cd sub && git stash push -m x", "/w/sub"),
        ("git -C /other reset --hard HEAD~1", "/other"),
        ("git reset HEAD a.py", ""),
        ("git stash list", ""),
        ("git checkout .", "/w"),
        ("git checkout feature/x", "/w"),
        ("git checkout -b new", ""),
        ("git switch main", "/w"),
        ("git restore .", "/w"),
        ("git clean -fdx", "/w"),
        ("git clean -n", ""),
        ("git -c a.b=c commit -m 'git reset --hard'", ""),
        ("cd $X && git reset --hard", ""),
    ],
)
def test_work_tree(command, tree):
    assert targets(command, "/w") == ([], tree)


QUOTES = ["'", '"', "\\", "\n", " ", "$", "/", "\t", "\0", "a", "E"]
WORDS = [">", "<<", "&", "(", ")", "rm ", "cd ", "git -C ", "sed -i "]


@given(st.lists(st.sampled_from(QUOTES + WORDS) | st.characters(), max_size=60).map("".join))
def test_any_text(command):
    found = targets(command, "/w")
    assert all(path.startswith("/") for path in (*found.files, found.tree or "/"))
