"""People: settings become the directory and the check of passwords.

mypy proves here that both fit the ports that the engine wrote for them. What stays out: who is calling (translation),
and everything that is opened or closed (gateway).
"""

from typing import assert_never

from mfa_gateway.directory.claims import ClaimsDirectory
from mfa_gateway.directory.credentials import LocalCredentials, RemoteCredentials
from mfa_gateway.directory.hook import Hook, HookTerms
from mfa_gateway.directory.passwords import Passwords
from mfa_gateway.directory.records import RecordDirectory
from mfa_gateway.directory.remote import RemoteDirectory
from mfa_gateway.engine.ports import Credentials, Directory
from mfa_gateway.settings import Settings
from mfa_gateway.settings.identity import Credentials as CredentialSettings
from mfa_gateway.settings.identity import Directory as DirectorySettings
from mfa_gateway.state.store import Store


def remote_directory_of(settings: Settings) -> RemoteDirectory | None:
    """The directory behind HTTP, which also knows who has left; None where people are looked up elsewhere."""
    directory = settings.directory
    if directory.source != "http":
        return None
    return RemoteDirectory(_hook_terms(directory), max_stale=directory.max_stale)


def directory_of(settings: Settings, records: Store, remote: RemoteDirectory | None) -> Directory:
    """Where people can be reached."""
    if remote is not None:
        return remote
    match settings.directory.source:
        case "claims":
            return ClaimsDirectory()
        case "store":
            return RecordDirectory(records)
        case "http":
            raise ValueError("directory.source: http needs its directory")
        case _ as never:
            assert_never(never)


def credentials_of(settings: Settings, records: Store) -> Credentials:
    """Who knows passwords."""
    credentials = settings.credentials
    match credentials.source:
        case "local":
            return LocalCredentials(records.ledger, Passwords())
        case "http":
            terms = _hook_terms(credentials)
            return RemoteCredentials(terms, Hook(terms))
        case _ as never:
            assert_never(never)


def _hook_terms(asked: DirectorySettings | CredentialSettings) -> HookTerms:
    """Where to ask; that both keys are there was checked when the settings were loaded."""
    if asked.url is None or asked.secret_file is None:
        raise ValueError("source: http needs url and secret_file")
    return HookTerms(asked.url, asked.secret_file.content.get_secret_value(), asked.timeout)
