from mfa_gateway.core.phone import PhoneNumber


def test_neighbours_share_a_block() -> None:
    assert PhoneNumber("+491701234567", "DE").block == "+49170123"
    assert PhoneNumber("+491701230000", "DE").block == PhoneNumber("+491701239999", "DE").block
    assert PhoneNumber("+491701240000", "DE").block != PhoneNumber("+491701239999", "DE").block


def test_a_number_does_not_show_in_its_repr() -> None:
    assert "1234567" not in repr(PhoneNumber("+491701234567", "DE"))
