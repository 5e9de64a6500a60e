"""The rows about targets and hosts: which resource is it? (attacks P*)"""

from collections.abc import Iterator
from dataclasses import replace

from tests.e2e.rows import (
    CADDY,
    ENVOY,
    HAPROXY,
    HOST,
    NGINX,
    TRAEFIK,
    Outcome,
    Row,
    but,
    passes,
    refused,
)

_BYTES = "the bytes go on as they came: they have one reading"


def targets() -> Iterator[Row]:
    yield passes("root", "/")
    letter = passes("encoded letter, open", "/%6Fpen")
    yield replace(
        letter,
        outcome=Outcome("/open"),
        differs=dict.fromkeys((NGINX, CADDY, HAPROXY, ENVOY), Outcome("/%6Fpen", why=_BYTES)),
    )
    yield passes("query", "/open?a=b&c=%2F..%2F")
    yield passes("prefix of another name", "/protectedX")
    yield passes("other case", "/PROTECTED")
    yield passes("encoded data", "/open/%C3%A9%20%23%3A")
    yield refused("below", "token_missing", "/protected/a/b")
    yield refused("final slash", "token_missing", "/protected/")
    yield refused("encoded letter", "token_missing", "/%70rotected")
    yield refused("encoded letters", "token_missing", "/pro%74ected/x")
    yield refused("open path in the query", "token_missing", "/protected?x=/open")
    yield refused("question mark in the query", "token_missing", "/protected?/open")
    yield passes("slashes in the query", "/open?u=http://x//y")
    semicolon = passes("semicolon in the query", "/open?u=x;v=1")
    yield but(semicolon, "Traefik reads it as a separator, as we do", target="/open?u=x&v=1", at=(TRAEFIK,))
    odd = {
        "dot segment": "/open/../protected",
        "one dot": "/open/./../protected",
        "dots at the end": "/protected/open/..",
        "encoded dots": "/open/%2e%2e/protected",
        "half encoded dots": "/open/.%2e/protected",
        "encoded slash": "/protected%2fx",
        "encoded way up": "/open%2f..%2fprotected",
        "up from a ceremony": "/mfa/../protected",
        "encoded way up from a ceremony": "/mfa%2f..%2fprotected",
        "up from another": "/multi-factor-auth-types/%2E%2e/protected",
        "encoded backslash": "/open%5c..%5cprotected",
        "backslash": "/open\\..\\protected",
        "double slash in front": "//protected",
        "double slash": "/protected//x",
        "slashes and dots": "/open//..//protected",
        "parameters": "/protected;v=1",
        "dots with parameters": "/open/..;/protected",
        "encoded parameters": "/protected%3bv=1",
        "NUL": "/protected%00",
        "NUL and a suffix": "/protected%00.css",
        "NUL in an open path": "/open%00/protected",
        "overlong NUL": "/protected%c0%80",
        "final blank": "/protected%20",
        "final blank of a segment": "/protected%20/x",
        "blank in front": "/%20protected",
        "final tab": "/protected%09",
        "final vertical tab": "/protected%0b",
        "final DEL": "/protected%7f",
        "final no-break space": "/protected%C2%A0",
        "final next line": "/protected%c2%85",
        "line feed": "/protected%0a",
        "carriage return": "/protected%0d",
        "percent garbage": "/protected%zz",
        "half an escape": "/protected%2",
        "encoded twice": "/%2570rotected",
        "overlong": "/%c0%afprotected",
        "no UTF-8": "/protected%ff",
        "encoded question mark": "/protected%3f/open",
    }
    cleaned = {
        *("dot segment", "one dot", "dots at the end", "encoded dots", "half encoded dots", "double slash in front"),
        *("double slash", "slashes and dots", "up from a ceremony", "up from another"),
    }
    for name, target in odd.items():
        row = refused(name, "ambiguous_request", target, "<bearer>")
        if name in cleaned:
            row = but(row, "Traefik cleans the path first, and that is judged", "code_missing", at=(TRAEFIK,))
        if name in ("percent garbage", "half an escape"):
            row = but(row, "the proxy refuses it itself", at=(NGINX, TRAEFIK, CADDY))
        yield but(row, "nginx refuses it itself", at=(NGINX,)) if name.startswith("NUL") else row
    up = refused("from a protected path to an open one", "ambiguous_request", "/protected/../open")
    yield but(up, "Traefik cleans the path first: the API gets what was judged", target="/open", at=(TRAEFIK,))
    double = refused("double slash in an open path", "ambiguous_request", "/open//x")
    yield but(double, "Traefik cleans the path first: the API gets what was judged", target="/open/x", at=(TRAEFIK,))
    unread = {
        "fragment": "/protected#x",
        "fragment and a way up": "/open#/../protected",
        "high byte": "/protected\x80",
        "absolute form": f"http://{HOST}/protected",
        "absolute form, other host": "http://other.test/open",
        "no slash": "protected",
        "asterisk": "*",
    }
    read = {name: refused(name, "", target, "<bearer>") for name, target in unread.items()}
    sharp = "nginx hands it to us as it is"
    for name in ("fragment", "fragment and a way up"):
        read[name] = but(read[name], sharp, "ambiguous_request", at=(NGINX,))
    encoded = "Caddy makes %23 of it: the API gets what was judged"
    read["fragment"] = but(read["fragment"], encoded, target="/protected%23x", at=(CADDY,))
    read["fragment and a way up"] = but(read["fragment and a way up"], encoded, "ambiguous_request", at=(CADDY,))
    high = "the proxy hands it to us as it is, or encoded"
    read["high byte"] = but(read["high byte"], high, "ambiguous_request", at=(NGINX, TRAEFIK, CADDY))
    parted = "Go reads it as a host and a path, which are judged"
    read["absolute form"] = but(read["absolute form"], parted, "code_missing", at=(TRAEFIK, CADDY))
    other = "absolute form, other host"
    read[other] = but(read[other], parted, "misdirected", at=(TRAEFIK, CADDY))
    read["asterisk"] = but(read["asterisk"], "Go hands it to us as it is", "ambiguous_request", at=(TRAEFIK, CADDY))
    yield from read.values()


def hosts() -> Iterator[Row]:
    for name, host in {"port": f"{HOST}:80", "capitals": "GW.Test", "final dot": f"{HOST}."}.items():
        yield refused(f"host, {name}", "code_missing", "/protected", "<bearer>", host=host)
    yield refused("host nobody names", "misdirected", "/open", host="other.test")
    yield refused("host that another begins with", "misdirected", "/open", host=f"{HOST}.other.test")
    itself = "the proxy refuses it itself"
    with_path = refused("host with a path", "ambiguous_request", "/protected", "<bearer>", host=f"{HOST}/open?z=")
    yield but(with_path, itself, at=(NGINX, TRAEFIK, CADDY, ENVOY))
    with_query = refused("host with a query", "ambiguous_request", "/protected", "<bearer>", host=f"{HOST}?z=")
    yield but(with_query, itself, at=(TRAEFIK, CADDY, ENVOY))
    with_fragment = refused("host with a fragment", "ambiguous_request", "/protected", "<bearer>", host=f"{HOST}#")
    yield but(with_fragment, itself, at=(TRAEFIK, CADDY, ENVOY))
    with_name = refused("host with a name in front", "ambiguous_request", "/protected", host=f"a@{HOST}")
    yield but(with_name, itself, at=(TRAEFIK, CADDY))
    two = refused("two hosts", "", "/open", "Host: other.test")
    yield but(two, "Envoy joins them, and the result is no host", "ambiguous_request", at=(ENVOY,))
    none = refused("no host", "", "/open", host=None)
    yield but(none, "HAProxy asks without one", "ambiguous_request", at=(HAPROXY,))
    yield refused("forwarded host", "misdirected", "/open", f"X-Forwarded-Host: {HOST}", host="other.test")
