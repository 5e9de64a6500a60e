"""Quotas: whom they are counted for is nobody's business."""

from mfa_gateway.core.quota import Quota, QuotaKind, Stop, Window


def test_a_quota_does_not_show_what_it_is_counted_for() -> None:
    assert "hidden" not in repr(Quota(QuotaKind.DESTINATION, (Window(5, 1000),), ("hidden",)))


def test_a_stop_has_begun_with_the_message_that_brought_it() -> None:
    assert Stop(1000, sent=5, redeemed=1).has_begun
    assert Stop(1000, sent=1).has_begun
    assert not Stop(1000).has_begun
