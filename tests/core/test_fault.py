"""Faults: one root, so that one `except` catches what broke and nothing else."""

import pytest

from mfa_gateway.core.fault import DeliveryFailed, Fault, IdentityUnavailable, StoreUnavailable


@pytest.mark.parametrize("leaf", [StoreUnavailable, IdentityUnavailable, DeliveryFailed])
def test_every_fault_has_the_one_root_and_no_other_kin(leaf: type[Fault]) -> None:
    assert leaf.__bases__ == (Fault,)
    assert Fault.__bases__ == (Exception,)
