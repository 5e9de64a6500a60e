"""A gateway in memory: the real judge and the real dialects over the engine's fakes, and a life that can be watched."""

from dataclasses import dataclass, field
from typing import Final

from mfa_gateway.core.call import Call
from mfa_gateway.core.ceremony import Command, Done, Outcome
from mfa_gateway.core.credential import OtherCredentials
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.policy import Policy
from mfa_gateway.dialects.glue import Glue
from mfa_gateway.dialects.standard import Standard
from mfa_gateway.doors.ceremonies import Ceremonies, Mount
from mfa_gateway.doors.cors import Cors
from mfa_gateway.doors.middleware import MFAMiddleware
from mfa_gateway.doors.parts import Parts
from mfa_gateway.doors.peers import Network, TrustedProxies
from mfa_gateway.engine.aftermath import Aftermath
from mfa_gateway.engine.judge import Judge
from tests.doors.scopes import Behind
from tests.engine.fakes import BearerNames, Lines, MemoryStore, policy

GLUE: Final = Glue()


@dataclass
class Commands:
    """A clerk that keeps what it is asked for and gives what it is told to."""

    outcome: Outcome = field(default_factory=Done)
    carried_out: list[Command] = field(default_factory=list)

    async def carry_out(self, command: Command, _call: Call) -> Outcome:
        self.carried_out.append(command)
        return self.outcome


class World:
    """A gateway with fakes behind it and an application to protect: `/protected` needs a factor, the rest is open."""

    def __init__(
        self,
        policy_: Policy | None = None,
        *,
        others: OtherCredentials | None = None,
        trusted: tuple[Network, ...] = (),
        hosts: frozenset[str] = frozenset(),
        cors: Cors | None = None,
    ) -> None:
        self.store = MemoryStore()
        self.identity = BearerNames()
        self.lines = Lines()
        self.commands = Commands()
        self.behind = Behind()
        others = others or OtherCredentials()
        judge = Judge(
            policy=policy_ or policy(),
            terms=Terms(),
            others=others,
            identity=self.identity,
            store=self.store,
            journal=self.lines.journal,
        )
        standard = Standard()
        self.parts = Parts(
            judge=judge,
            ceremonies=Ceremonies(
                [Mount(GLUE, hosts), Mount(standard, hosts)], identify=judge.identify, clerk=self.commands
            ),
            dialects={"glue": GLUE, "standard": standard},
            fallback=standard,
            proxies=TrustedProxies(trusted),
            others=others,
            aftermath=Aftermath(store=self.store, journal=self.lines.journal),
            cors=cors or Cors(),
        )
        self.life: list[str] = []
        self.start_fault: Exception | None = None
        self.app = MFAMiddleware(self.behind, gateway=self)

    async def start(self) -> None:
        self.life.append("start")
        if self.start_fault is not None:
            raise self.start_fault

    async def stop(self) -> None:
        self.life.append("stop")
