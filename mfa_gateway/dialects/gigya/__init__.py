"""Gigya: the methods of SAP Customer Data Cloud, as clients of its REST API, its SDKs and its web toolkit call them.

One area, a host of its own or everything below a prefix: whatever is asked there is answered in the contract's form,
GET and POST only, and never forwarded. The caller is not the bearer of the gate; a request says itself who it is from.

    bag            parameters, from query and form
    envelope       the shape of every answer, in JSON and JSONP
    errors         codes, texts, details; and the error of each denial
    authorization  credentials: sessions, secrets, signatures, signed tokens
    methods        the table; how a method is added stands there
    codes          accounts.otp.*, accounts.auth.otp.*
    tfa            accounts.tfa.*
    logins         accounts.login, accounts.finalizeRegistration
    people         accounts.getAccountInfo, accounts.setAccountInfo
    sessions       accounts.getJWT, accounts.logout, and what servers ask about sessions
    devices        accounts.webSdkBootstrap, socialize.getIDs: what a device is called; cookies
    account        the account and its session, as every login shows them
    extension      the word of a server that a session goes on
    refusals       what the gate says in this form
    description    all methods for readers (OpenAPI)
    codec          all of it together

What stays out: every decision, which is the entrance's (core.entrance) and the gate's.
"""

from mfa_gateway.dialects.gigya.codec import Gigya
from mfa_gateway.dialects.gigya.sites import GigyaSite, UserKey

__all__ = ["Gigya", "GigyaSite", "UserKey"]
