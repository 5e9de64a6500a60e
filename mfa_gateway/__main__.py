"""`python -m mfa_gateway` is `mfa-gateway`."""

from mfa_gateway.cli import main

main()
