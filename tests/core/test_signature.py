from base64 import b64decode

from mfa_gateway.core.signature import request_content, signature, signature_headers


def test_a_signature_is_that_of_the_specification() -> None:
    # The example that the libraries of Standard Webhooks test themselves with; they take the secret in base64.
    secret = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    content = b'{"test": 2432232314}'
    found = signature(secret, unique="msg_p5jXN8AQM9LWM0D4loKWxJek", sent=1_614_265_330, content=content)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_everything_that_is_signed_counts() -> None:
    signed = signature(b"k" * 32, unique="id", sent=1, content=b"x")
    others = {
        signature(b"j" * 32, unique="id", sent=1, content=b"x"),
        signature(b"k" * 32, unique="ie", sent=1, content=b"x"),
        signature(b"k" * 32, unique="id", sent=2, content=b"x"),
        signature(b"k" * 32, unique="id", sent=1, content=b"y"),
    }
    assert len(others | {signed}) == 5


def test_a_request_carries_what_is_needed_to_check_it() -> None:
    headers = signature_headers(b"k" * 32, unique="id", sent=7, content=b"x")
    assert dict(headers) == {
        "webhook-id": "id",
        "webhook-timestamp": "7",
        "webhook-signature": signature(b"k" * 32, unique="id", sent=7, content=b"x"),
    }


def test_a_request_without_a_body_is_signed_by_its_first_line() -> None:
    assert request_content("GET", "/people?subject=ada") == b"GET /people?subject=ada"
