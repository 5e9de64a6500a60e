from mfa_gateway.state.circuit import Circuit


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_nobody_has_to_wait_before_a_failure() -> None:
    circuit = Circuit(Clock())
    assert not circuit.is_open
    assert not circuit.has_to_wait()


def test_after_a_failure_everybody_waits_for_the_pause() -> None:
    clock = Clock()
    circuit = Circuit(clock, pause=1.0)
    circuit.broke()
    assert circuit.is_open
    assert circuit.has_to_wait()
    clock.now += 0.999
    assert circuit.has_to_wait()


def test_after_the_pause_one_probe_is_let_through() -> None:
    clock = Clock()
    circuit = Circuit(clock, pause=1.0)
    circuit.broke()
    clock.now += 1.0
    assert [circuit.has_to_wait() for _ in range(3)] == [False, True, True]


def test_a_probe_that_never_came_back_is_followed_by_another() -> None:
    clock = Clock()
    circuit = Circuit(clock, pause=1.0)
    circuit.broke()
    clock.now += 1.0
    circuit.has_to_wait()
    clock.now += 1.0
    assert not circuit.has_to_wait()


def test_a_success_lets_everybody_through() -> None:
    clock = Clock()
    circuit = Circuit(clock, pause=1.0)
    circuit.broke()
    clock.now += 1.0
    circuit.has_to_wait()
    circuit.worked()
    assert not circuit.is_open
    assert [circuit.has_to_wait() for _ in range(3)] == [False] * 3


def test_a_probe_that_fails_begins_another_pause() -> None:
    clock = Clock()
    circuit = Circuit(clock, pause=1.0)
    circuit.broke()
    clock.now += 1.0
    circuit.has_to_wait()
    clock.now += 0.5
    circuit.broke()
    clock.now += 0.9
    assert circuit.has_to_wait()
