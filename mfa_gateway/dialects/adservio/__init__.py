"""Adservio: the two-factor calls of a school platform, `./auth` and what is below it, as spec/adservio.md has them.

    POST   ./auth                    log in: name, password, and a factor where one is active
    POST   ./auth/tfa_options        with `_method=GET`: the factors, by name and password; numbers and mailboxes masked
    GET    ./auth/tfa_options        the factors, by access token and uaID; or POST with `_method=GET`
    POST   ./auth/tfa_challenge      a code of one factor, by name and password
    POST   ./auth/challenge_phone    a code to a number that is to become a factor, by access token
    GET    ./auth/totp               the secret of an authenticator that is to become one, by access token
    POST   ./auth/tfa_options        the first code makes it active, by access token
    DELETE ./auth/tfa_options        take a factor away; or POST with `_method=DELETE`

`./` is `dialects.adservio.prefix`. The area below `./auth` is answered here, all of it, and never forwarded. An access
token goes into `Authorization: Bearer`: the one that a login here gave, or any other of the realm that the gate takes.
Parameters are a form or a JSON object; on GET and DELETE what is no secret may stand in the query. Numbers may come as
text or as JSON numbers. Ids and counters go out as text, dates in UTC.

Where we differ from the contract, each time because doing as it says would open a door:

    one error, `uaPassword`, for unknown names and wrong passwords       with two, anybody learns who has an account
    one count of wrong passwords for login, list, challenge, removal     a list by password is a login without a limit
    names, passwords, codes and numbers in a query: 400                  they would be in every log on the way
    a list by token takes that account's own uaID                        else: the answer for an unknown one
    challenge_phone takes a token, and a code or a recent login          else anybody could have us write to any number
    chID is a keyed digest of account and number, 52 bits of it          counted up, others' could be guessed
    chSecret is not looked at: the secret that waits here counts         the client's word would make any secret good
    tfaResponse holds a code, or a token told apart by its form alone    a token is never compared with a code
    removal asks for a code beside the password, and ends every window   a password alone would disarm the second factor
    `_method` on POST, in the body, of the one value that a page names   a body must not choose any verb it likes

A code beside the password or the token goes into `tfaResponse` or `X-MFA-Code`; where one is wanted and none was sent,
the answer is error 107 on `tfaID`, as in the login. A token of `tfaSave=1` may also be sent as `tfaToken`, beside or
without a code. Factors by mail, which the contract does not know, have type 4. Backup codes go where a code goes, with
any tfaOptID. `intent=link` logs in like `auth`. `uaNewPassword`, sent twice, replaces the password at a login with a
code (or without any factor), where passwords are kept here; nobody is forced to (error 1), and behind `credentials:
http` it is refused (108), for they are changed where they are kept.

What the contract leaves open, and how it is here. An error is a list of `{field, code, message}`, with a status that
says as much; `dialects.adservio.errors: object` puts the list into `{"errors": …}`. Codes of 400 and above are ours: a
status, where no field is wrong. The answer of a login is `access_token` and `expires_at`, as on the contract's
OAuth page, with `uaID`, and `tfaToken` where `tfaSave` asked for it.

    fields        parameters, from query and body
    request       one call, as far as it can be read
    errors        codes and texts; the error of each denial and refusal
    endpoints     how each call is read, and its answer written
    description   all calls, for those who read OpenAPI
    codec         all of it together

What stays out: every decision, which is the entrance's (core.entrance) and the gate's.
"""

from mfa_gateway.dialects.adservio.codec import Adservio
from mfa_gateway.dialects.adservio.errors import ErrorForm

__all__ = ["Adservio", "ErrorForm"]
