import os, random, json
import pytest
from shared.cloudevents import write
from tests.integration.licensing.conftest import Desk
from tests.integration.licensing.test_any_interleaving import histories, snapshot, depends_on_batches
from tests.model.checks import check_agreement, check_ledger
from tests.model.gaps import KNOWN
from tests.model.reference import Reference

async def wipe(desk):
    rows = await desk.sql("SELECT tablename FROM pg_tables WHERE schemaname='licensing' AND tablename NOT IN ('alembic_version','register')")
    from shared.database import transaction
    from sqlalchemy import text
    async with transaction(desk.engine) as c:
        names = ", ".join("licensing."+r.tablename for r in rows if 'alembic' not in r.tablename)
        await c.execute(text("SET LOCAL session_replication_role = replica"))
        await c.execute(text(f"TRUNCATE {names}"))
        await c.execute(text("UPDATE licensing.register SET clock = NULL"))
    desk.next = None

async def replay(desk, batches):
    await wipe(desk)
    desk.handler = type(desk.handler)(desk.engine, desk.handler.policy, "trade.events", ("trade.decisions","dead"))
    ref = Reference(desk.handler.policy.parking_days, KNOWN)
    for b in batches:
        fed=[]
        for e in b:
            if not depends_on_batches(ref,e):
                ref.apply(e); fed.append(write(e))
        try:
            if fed: await desk.feed(*fed)
            books = await snapshot(desk)
            check_ledger(books); check_agreement(books, ref)
        except Exception as x:
            return x, books if 'books' in dir() else None, ref
    return None

@pytest.mark.timeout(600)
async def test_shrink(desk: Desk):
    seed=int(os.environ["SEED"])
    events = max(histories(seed), key=len)
    cuts = random.Random(seed)
    batches=[]
    while events:
        n=cuts.randint(1,12); batches.append(events[:n]); events=events[n:]
    r = await replay(desk, batches)
    assert r is not None, "does not fail"
    kind=type(r[0]).__name__
    changed=True
    while changed:
        changed=False
        for bi in range(len(batches)-1,-1,-1):
            c=batches[:bi]+batches[bi+1:]
            if (x:=await replay(desk,c)) and type(x[0]).__name__==kind: batches=c; changed=True; continue
            for ei in range(len(batches[bi])-1,-1,-1):
                c=[*batches[:bi],batches[bi][:ei]+batches[bi][ei+1:],*batches[bi+1:]]
                if (x:=await replay(desk,c)) and type(x[0]).__name__==kind: batches=c; changed=True
    x,books,ref=await replay(desk,batches)
    print("SHRUNK", type(x).__name__, str(x)[:1500])
    for b in batches:
        print("-- batch")
        for e in b:
            d=json.loads(write(e)); print(e.id, d['type'].removeprefix('trade.'), d['time'][:10], json.dumps(d['data']).replace('"',''))
    if books:
        print({k:(v,ref.endings().get(k)) for k,v in books.endings().items() if v!=ref.endings().get(k)})
        A,B=books.accounts(),ref.accounts(); print({n:(A.get(n),B.get(n)) for n in {**A,**B} if A.get(n,(0,0,0))!=B.get(n,(0,0,0))})
        print({n:(books.outcomes.get(n),ref.outcome(n)) for n in {*books.outcomes,*ref.shipments} if books.outcomes.get(n)!=ref.outcome(n)})
    await wipe(desk)
