"""How alerts are signed: which kind for a subscription, new secrets and keys, and the public keys for whoever asks."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.api.forms import Form, Secret
from services.alerts.api.subscriptions import own_subscription, tenant_of
from services.alerts.domain.evidence import moment
from services.alerts.domain.signing import Signature, jwk, public_text
from services.alerts.signing import keeping
from services.alerts.store import secrets, subscriptions
from services.alerts.store.subscriptions import Subscription
from shared.database import transaction
from shared.errors import CallerError
from shared.identity.caller import DEFAULT_TENANT
from shared.openapi import problem

DAY_S = 86_400
LONGEST_OVERLAP_S = 30 * DAY_S

router = APIRouter(tags=["signatures"])

Overlap = Annotated[float, Field(ge=0, le=LONGEST_OVERLAP_S)]
NO_SECRET: dict[int | str, dict[str, Any]] = {409: problem("Its alerts are signed by the tenant's key alone.")}


class SecretRotation(Form):
    """How to replace a secret."""

    secret: Secret | None = None
    """The new one; one is made when it is left out."""
    overlap_s: Overlap = DAY_S
    """So long the one before signs as well; 0 when it is known to others."""


class NewSecretOut(BaseModel):
    """A new secret; it is shown here and never again."""

    secret: str
    previous_until: datetime | None
    """Until when the secret before signs as well."""


class KeyRotation(Form):
    """How to replace a signing key."""

    overlap_s: Overlap = DAY_S
    """So long the one before signs as well, and stays among the public keys; those of evidence it never leaves."""


class PublicKeyOut(BaseModel):
    """A public key that alerts are verified with."""

    key_id: str
    public_key: str
    """`whpk_` and the key in base64, as Standard Webhooks writes it."""
    created_at: datetime
    signs_until: datetime | None
    """Null for the tenant's present key."""


class SignatureForm(Form):
    """How a subscription's alerts are to be signed."""

    signature: Signature


class SignatureOut(BaseModel):
    """How a subscription's alerts are signed."""

    signature: Signature
    public_keys: list[PublicKeyOut]
    """The tenant's keys, where one of them signs."""
    jwks_path: str
    """Where the same keys stand as a JWKS (RFC 7517), for whoever asks."""
    secret: str | None = None
    """Only when one had to be made; it is never shown again."""


class JwksOut(BaseModel):
    """Public keys (RFC 7517, RFC 8037)."""

    keys: list[dict[str, str]]


class EvidenceJwksOut(BaseModel):
    """Public keys (RFC 7517, RFC 8037), each with a member of ours."""

    keys: list[dict[str, str | None]]
    """`signs_until` is null for the present key; one whose time is over is retired, and only what it signed is left."""


async def _own(connection: AsyncConnection, request: Request, subscription_id: UUID) -> Subscription:
    found = await own_subscription(connection, request, subscription_id)
    # Whoever changes what a subscription signs with is alone in doing so.
    await subscriptions.lock_queue(connection, subscription_id)
    return found


@router.post("/v1/subscriptions/{subscription_id}/secret/rotate", responses=NO_SECRET)
async def rotate_secret(request: Request, subscription_id: UUID, form: SecretRotation | None = None) -> NewSecretOut:
    """Replace the secret; the new one is shown here, once. Until the overlap ends, alerts carry both signatures.

    Done again within the overlap, the oldest of the three signs no more.
    """
    form = form or SecretRotation()
    secret = form.secret or keeping.new_secret()
    async with transaction(request.app.state.engine) as connection:
        found = await _own(connection, request, subscription_id)
        if found.signature == "ed25519":
            raise CallerError(409, "The subscription has no secret; its alerts are signed by the tenant's key")
        vault = request.app.state.vault
        until = await keeping.rotate_secret(connection, vault, subscription_id, secret, form.overlap_s)
    return NewSecretOut(secret=secret, previous_until=until)


@router.get("/v1/subscriptions/{subscription_id}/signature")
async def signature(request: Request, subscription_id: UUID) -> SignatureOut:
    """Show how a subscription's alerts are signed, and by which public keys."""
    async with transaction(request.app.state.engine) as connection:
        found = await _own(connection, request, subscription_id)
        return await _signature_out(connection, request, found.signature)


@router.put("/v1/subscriptions/{subscription_id}/signature")
async def set_signature(request: Request, subscription_id: UUID, form: SignatureForm) -> SignatureOut:
    """Choose how a subscription's alerts are signed; a secret or key that is missing is made."""
    tenant = tenant_of(request)
    async with transaction(request.app.state.engine) as connection:
        await _own(connection, request, subscription_id)
        vault = request.app.state.vault
        made = await keeping.equip(connection, vault, subscription_id, tenant, form.signature)
        await secrets.set_signature(connection, subscription_id, form.signature)
        await subscriptions.tell_changed(connection, subscription_id)
        return await _signature_out(connection, request, form.signature, made)


async def _signature_out(
    connection: AsyncConnection, request: Request, kind: str, secret: str | None = None
) -> SignatureOut:
    tenant = tenant_of(request)
    keys = [] if kind == "hmac" else await _public_keys(connection, tenant)
    shown = {"signature": kind, "public_keys": keys, "jwks_path": f"/v1/jwks/{tenant}", "secret": secret}
    return SignatureOut.model_validate(shown)


async def _public_keys(connection: AsyncConnection, tenant: str) -> list[PublicKeyOut]:
    return [
        PublicKeyOut(
            key_id=key.key_id,
            public_key=public_text(key.public),
            created_at=key.created_at,
            signs_until=key.signs_until,
        )
        for key in await secrets.public_keys(connection, tenant)
    ]


@router.post("/v1/signing-keys/rotate")
async def rotate_key(request: Request, form: KeyRotation | None = None) -> list[PublicKeyOut]:
    """Replace the tenant's signing key. Until the overlap ends, alerts carry the signatures of both."""
    tenant, overlap_s = tenant_of(request), (form or KeyRotation()).overlap_s
    async with transaction(request.app.state.engine) as connection:
        await keeping.rotate_key(connection, request.app.state.vault, tenant, overlap_s)
        return await _public_keys(connection, tenant)


@router.get("/v1/signing-keys")
async def signing_keys(request: Request) -> list[PublicKeyOut]:
    """List the tenant's keys that sign now, the newest first."""
    async with transaction(request.app.state.engine) as connection:
        return await _public_keys(connection, tenant_of(request))


@router.get("/v1/jwks/{tenant}")
async def jwks(request: Request, tenant: Annotated[str, Path(max_length=256, pattern=r"^[^\x00]+$")]) -> JwksOut:
    """Show a tenant's public keys as a JWKS, to whoever asks. A tenant that is not known has none."""
    async with transaction(request.app.state.engine) as connection:
        return JwksOut(keys=[jwk(key.public) for key in await secrets.public_keys(connection, tenant)])


@router.get("/v1/jwks/{tenant}/evidence")
async def evidence_jwks(
    request: Request, tenant: Annotated[str, Path(max_length=256, pattern=r"^[^\x00]+$")]
) -> EvidenceJwksOut:
    """Show every key that signed a tenant's evidence, the retired ones too, as a JWKS, to whoever asks.

    For `lanewatch verify --keys`. Webhooks are verified with `/v1/jwks/{tenant}`: a retired key signs none.
    """
    async with transaction(request.app.state.engine) as connection:
        found = await keeping.own_keys(connection, request.app.state.vault, tenant)
    until = {key.key_id: None if key.signs_until is None else moment(key.signs_until) for key in found}
    return EvidenceJwksOut(keys=[{**jwk(key.public), "signs_until": until[key.key_id]} for key in found])


@router.get("/.well-known/jwks.json")
async def default_jwks(request: Request) -> JwksOut:
    """Show the public keys of the tenant that there is where nobody asks for tokens."""
    return await jwks(request, DEFAULT_TENANT)
