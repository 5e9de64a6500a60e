"""mfa_gateway: put a second factor in front of APIs that you cannot, or will not, change."""

__version__ = "0.1.0"
