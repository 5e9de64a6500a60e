"""Request ids: given by those who are believed, else new, and never twice."""

import os
import re

import pytest

from mfa_gateway.doors.request_ids import new_request_id, request_id_of


def test_new_names_are_sixteen_digits_and_none_comes_twice() -> None:
    names = [new_request_id() for _ in range(5_000)]
    assert len(set(names)) == 5_000
    assert all(re.fullmatch(r"[0-9a-f]{16}", name) for name in names)


@pytest.mark.parametrize("given", [b"short", b"x" * 65, b"with space", b"line\nend-of-it", b'quote"quote', b"", None])
def test_what_cannot_be_a_name_is_replaced(given: bytes | None) -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", request_id_of(given))


def test_a_name_that_was_given_is_kept() -> None:
    assert request_id_of(b"from.the-front_1") == "from.the-front_1"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes do not fork on this system")
def test_a_forked_process_draws_names_of_its_own() -> None:
    new_request_id()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, "".join(new_request_id() for _ in range(100)).encode("ascii"))
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reader, 1_600).decode("ascii")
    os.close(reader)
    os.close(writer)
    ours = {new_request_id() for _ in range(1_000)}
    assert len(theirs) == 1_600
    assert not ours & {theirs[at : at + 16] for at in range(0, 1_600, 16)}
