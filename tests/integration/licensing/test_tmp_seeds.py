import os, pytest
from tests.integration.licensing.conftest import Desk
from tests.integration.licensing.test_any_interleaving import histories
from tests.integration.licensing.test_tmp_shrink import replay, wipe
import random
@pytest.mark.timeout(900)
async def test_seeds(desk: Desk):
    n=0
    for seed in range(int(os.environ["A"]), int(os.environ["B"])):
        events = max(histories(seed), key=len); n+=len(events)
        cuts = random.Random(seed); batches=[]
        while events:
            k=cuts.randint(1,12); batches.append(events[:k]); events=events[k:]
        r=await replay(desk,batches)
        print("seed",seed,n, None if r is None else (type(r[0]).__name__, str(r[0])[:200]), flush=True)
    await wipe(desk)
