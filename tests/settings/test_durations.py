import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.settings.durations import duration_text, milliseconds, read_duration, read_size, size_text


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("1500ms", 1.5), ("10s", 10), ("30m", 1800), ("12h", 43_200), ("30d", 2_592_000), ("1.5h", 5400), ("90", 90)],
)
def test_a_duration_is_a_number_and_a_unit(written: str, seconds: float) -> None:
    assert read_duration(written) == seconds


def test_a_bare_number_is_seconds() -> None:
    assert read_duration(2.5) == 2.5


@pytest.mark.parametrize(
    "written",
    ["", "m", "-1s", "1 m", "30 minutes", "1h30m", "1e3s", "٣s", "9" * 400, True, None, [], -1, math.nan, math.inf],
)
def test_everything_else_is_not_a_duration(written: object) -> None:
    with pytest.raises(ValueError, match="is not a duration: write a number and ms, s, m, h or d, as in 30m"):
        read_duration(written)


@given(st.integers(min_value=0, max_value=10**11))
def test_a_duration_survives_being_written(whole_milliseconds: int) -> None:
    assert milliseconds(read_duration(duration_text(whole_milliseconds / 1000))) == whole_milliseconds


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (0.1, "100ms"), (90, "90s"), (1800, "30m"), (86_400, "1d")])
def test_a_duration_is_written_in_its_largest_whole_unit(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("written", "size"), [("32KiB", 32_768), ("8MiB", 8_388_608), ("1GiB", 1 << 30), ("7B", 7), ("512", 512), (9, 9)]
)
def test_a_size_is_a_number_and_a_binary_unit(written: object, size: int) -> None:
    assert read_size(written) == size


@pytest.mark.parametrize("written", ["32KB", "32 KiB", "1.5MiB", "-1", True, None, -1, 1.5])
def test_everything_else_is_not_a_size(written: object) -> None:
    with pytest.raises(ValueError, match="is not a size: write a number and KiB, MiB or GiB"):
        read_size(written)


@given(st.integers(min_value=0, max_value=1 << 45))
def test_a_size_survives_being_written(size: int) -> None:
    assert read_size(size_text(size)) == size
