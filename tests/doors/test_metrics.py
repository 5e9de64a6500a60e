"""The text of /metrics, read back with the parser of the library that Prometheus's own clients use."""

from prometheus_client.parser import text_string_to_metric_families

from mfa_gateway.core.verdict import Pass, Reason, Refuse
from mfa_gateway.doors.metrics import FAMILIES, exposition
from mfa_gateway.engine.tally import BOUNDS, Tally
from tests.engine.fakes import rule


def samples(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_a_count_has_the_labels_of_its_family() -> None:
    found = samples(exposition({("verdicts", "window", "refuse", "banned"): 3}, {}))
    labels = (("reason", "banned"), ("rule", "window"), ("verdict", "refuse"))
    assert found["mfa_gateway_verdicts_total", labels] == 3


def test_what_never_happened_is_zero_where_there_are_no_labels() -> None:
    assert samples(exposition({}, {}))["mfa_gateway_store_failures_total", ()] == 0


def test_the_name_of_a_rule_may_be_anything() -> None:
    name = 'quote " backslash \\ newline \n umlaut ü'
    found = samples(exposition({("verdicts", name, "pass", ""): 1}, {}))
    assert {dict(labels)["rule"] for metric, labels in found if metric == "mfa_gateway_verdicts_total"} == {name}


def test_latencies_are_a_cumulative_histogram() -> None:
    tally = Tally()
    for seconds in (0.0, 0.003, 5.0):
        tally.judged(Pass(rule()), seconds)
    found = samples(exposition(tally.counts(), {}))
    buckets = [found["mfa_gateway_judging_seconds_bucket", (("le", le),)] for le in (*map(str, BOUNDS), "+Inf")]
    assert buckets == sorted(buckets)
    assert (buckets[0], found["mfa_gateway_judging_seconds_bucket", (("le", "0.005"),)], buckets[-1]) == (1, 2, 3)
    assert found["mfa_gateway_judging_seconds_count", ()] == 3
    assert found["mfa_gateway_judging_seconds_sum", ()] == 5.003


def test_a_gauge_is_told_as_it_is() -> None:
    assert samples(exposition({}, {"ready": True, "workers_listening": 2}))["mfa_gateway_workers_listening", ()] == 2


def test_everything_a_tally_counts_is_in_the_table() -> None:
    tally = Tally()
    tally.judged(Pass(rule(), overruled=Refuse(Reason.CODE_INVALID, rule(), 5)), 0.0)
    names = {key[0] for key in tally.counts() if not key[0].startswith("judging")}
    assert names <= FAMILIES.keys()
    for name, *labels in tally.counts():
        if name in FAMILIES:
            assert len(labels) == len(FAMILIES[name].labels)
