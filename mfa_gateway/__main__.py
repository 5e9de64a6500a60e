"""`python -m mfa_gateway` is the command `mfa-gateway`, for machines where scripts are not on the path."""

from mfa_gateway.cli import main

main()
