"""What can be set of the alerts service: its address, how it delivers, how long it tries."""

import socket
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from services.alerts.domain.addresses import Network, network
from services.alerts.domain.breaker import BreakerPolicy
from services.alerts.domain.retries import RetryPolicy
from services.alerts.domain.urls import Reach
from services.alerts.signing.vault import Vault, make_vault
from shared.settings import SharedSettings


def _words(value: Any) -> Any:
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _networks(value: Any) -> Any:
    return tuple(network(each) if isinstance(each, str) else each for each in _words(value))


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)]
Ports = Annotated[frozenset[int], NoDecode, BeforeValidator(_words)]
Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]


class AlertsSettings(SharedSettings):
    """Read from the environment, prefix `LANEWATCH_`, e.g. `LANEWATCH_ALERTS_PORT`."""

    alerts_port: int = 8003
    alerts_group: str = "lanewatch-alerts"
    alerts_instance_id: str = ""
    """Names this process, so that after a restart it has its partitions and claims back at once; no two may share
    it. By default host and port."""
    alerts_retry_delays_s: tuple[Annotated[float, Field(ge=0)], ...] = RetryPolicy.delays_s
    alerts_retry_jitter: Annotated[float, Field(ge=0, le=1)] = RetryPolicy.jitter
    alerts_order_hold_s: Annotated[float, Field(ge=0)] = RetryPolicy.order_hold_s
    alerts_order_hold_refused_s: Annotated[float, Field(ge=0)] = RetryPolicy.order_hold_refused_s
    alerts_nudge_after_s: Annotated[float, Field(ge=0)] = 300.0
    """A waiting delivery that was last tried so long ago gets an extra try when there is reason for hope."""
    alerts_breaker_failures: Positive = BreakerPolicy.failures
    """So many in a row, or three quarters of the latest twenty, and an endpoint is left alone for a while."""
    alerts_breaker_rest_s: Seconds = BreakerPolicy.rest_s
    """For how long at first; each further time in a row it is twice as long."""
    alerts_breaker_rest_max_s: Seconds = BreakerPolicy.rest_max_s
    alerts_disable_after_s: Seconds = BreakerPolicy.disable_after_s
    """An endpoint that took nothing for so long is disabled until somebody resumes it."""
    alerts_disable_tries: Positive = BreakerPolicy.disable_tries
    """At least so many tries must have been made meanwhile."""
    alerts_connect_timeout_s: Seconds = 5.0
    alerts_attempt_timeout_s: Seconds = 15.0
    alerts_per_endpoint: Positive = 8
    """Requests under way to one endpoint; to one that failed last, one."""
    alerts_recovered: Positive = 8
    """Requests under way for recovered deliveries, to all endpoints together; to one, at most half of its places."""
    alerts_endpoints: Positive = 400
    """In hand of one process, half of them for endpoints that failed last."""
    alerts_window: Positive = 64
    """Deliveries of one endpoint in hand."""
    alerts_lease_s: Seconds = 10.0
    """After so much silence of a process its claims are free again."""
    alerts_poll_s: Seconds = 0.5
    """How often to look for what has come due; what is new is noticed at once."""
    alerts_stop_grace_s: Annotated[float, Field(ge=0)] = 8.0
    """How long requests under way may take to end on SIGTERM; the rest is handed back."""

    alerts_subscriptions_per_tenant: Positive = 1000
    alerts_condition_chars_per_tenant: Positive = 262_144
    """So long all conditions of a tenant's filters may be together: each is compiled and asked while others wait."""

    alerts_streams: Positive = 1000
    """Streams, and requests that wait for the next alert, that one process serves at a time."""
    alerts_streams_per_tenant: Positive = 200
    """Of them, of one tenant."""
    alerts_heartbeat_s: Seconds = 15.0
    """So often something is sent on a stream, so that nothing between takes it for dead."""
    alerts_slow_after_s: Seconds = 30.0
    """A stream whose client takes nothing for so long is ended."""
    alerts_public_url: str = ""
    """Where people reach this API, for the links in messages to them; empty: no links."""
    alerts_checkpoint_s: Seconds = 300.0
    """How often the chains of evidence that have grown are signed."""
    alerts_escalate_every_s: Seconds = 1.0
    """How often to look for alerts that nobody acknowledged in time."""
    alerts_stuck_after_s: Seconds = 300.0
    """So long after the latest tick that came through it is told that nothing does. Ticks come each minute."""

    alerts_secrets_key_file: Path | None = None
    """Keys that seal secrets for the database: 32 bytes in base64, one a line; the first one seals, all open."""
    alerts_secrets_keys: SecretStr = SecretStr("")
    """The keys themselves, apart by commas, where there is no file."""

    alerts_allow_networks: Networks = ()
    """Networks and addresses that may be delivered to though they are private, loopback or the like; apart by
    commas: `10.20.0.0/16,fd12::/48`."""
    alerts_verify_endpoints: bool = False
    """Nothing is sent to an endpoint before it has answered the handshake."""
    alerts_require_https: bool = False
    alerts_allow_ports: Ports = frozenset()
    """The only ports that may be delivered to; by default all but those of protocols other than HTTP."""
    alerts_ca_file: Path | None = None
    """Certificates, in PEM, of authorities that are trusted besides the public ones."""
    alerts_dns_servers: Words = ()
    """Name servers, as `address` or `address:port`, in place of the system's."""
    alerts_dns_timeout_s: Seconds = 5.0
    alerts_dns_cache_s: Seconds = 10.0
    """So long an answer of DNS is good at most."""

    def vault(self) -> Vault:
        """Return what seals secrets. Raises ValueError for a key that is none, OSError for a file that is not there."""
        return make_vault(self.alerts_secrets_keys.get_secret_value(), self.alerts_secrets_key_file)

    def reach(self) -> Reach:
        """Return what may be delivered to."""
        return Reach(self.alerts_allow_networks, self.alerts_require_https, self.alerts_allow_ports)

    def instance(self) -> str:
        """Return the name of this process."""
        return self.alerts_instance_id or f"alerts-{socket.gethostname()}-{self.alerts_port}"

    def retry_policy(self) -> RetryPolicy:
        """Return the settings that decide when to try again."""
        return RetryPolicy(
            delays_s=self.alerts_retry_delays_s,
            jitter=self.alerts_retry_jitter,
            order_hold_s=self.alerts_order_hold_s,
            order_hold_refused_s=self.alerts_order_hold_refused_s,
        )

    def breaker_policy(self) -> BreakerPolicy:
        """Return the settings that decide when an endpoint is left alone."""
        return BreakerPolicy(
            failures=self.alerts_breaker_failures,
            rest_s=self.alerts_breaker_rest_s,
            rest_max_s=max(self.alerts_breaker_rest_s, self.alerts_breaker_rest_max_s),
            disable_after_s=self.alerts_disable_after_s,
            disable_tries=self.alerts_disable_tries,
        )
