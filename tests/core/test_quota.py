"""Quotas: whom they are counted for is nobody's business."""

from mfa_gateway.core.quota import Quota, QuotaKind, Window


def test_a_quota_does_not_show_what_it_is_counted_for() -> None:
    assert "hidden" not in repr(Quota(QuotaKind.DESTINATION, (Window(5, 1000),), ("hidden",)))
