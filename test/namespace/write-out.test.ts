import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peerGroup } from 'nfs-server-ts/peer-address';
import { Trail } from '../../src/audit/trail.ts';
import { openSequence } from '../../src/kv/sequence.ts';
import { attributes } from '../../src/namespace/attributes.ts';
import { createBucket } from '../../src/namespace/buckets.ts';
import { create } from '../../src/namespace/create.ts';
import { partsOf, type Parts } from '../../src/namespace/parts.ts';
import { counting } from '../../src/namespace/quota/counting.ts';
import { openQuotas } from '../../src/namespace/quota/open-quotas.ts';
import { NO_RULES } from '../../src/namespace/records.ts';
import { remove } from '../../src/namespace/remove.ts';
import { write } from '../../src/namespace/write.ts';
import { writeOut } from '../../src/namespace/write-out.ts';
import { referenceCipher } from '../../src/workers/reference-cipher.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { underSchedules } from '../simulation/simulation.ts';
import { bytes, root, silent, TestClock, type Stack } from './world.ts';

/** The inside of a second namespace over the same store, to look at what it keeps in memory. */
async function openParts({ kv, blobs, keyring }: Stack): Promise<Parts> {
  const environment = { clock: new TestClock(), random: seededRandom(1), log: silent };
  const sequence = await openSequence(kv, Buffer.from('\u0001another'), () => assert.fail());
  for (let skipped = 0; skipped < 1000; skipped += 1) sequence.next();
  const encryption = { cipher: referenceCipher(), keyring, defaultEncryption: undefined };
  const trail = await Trail.open({ kv, sequence, environment, groupOf: peerGroup });
  const quotas = await openQuotas(kv, environment);
  const counted = counting(kv, quotas.ledger);
  return partsOf({ kv: counted, blobs, sequence, environment, trail, quotas, ...encryption });
}

test('dirty bytes are counted exactly when a file is removed while it is written out', () =>
  underSchedules(60, async (stack, simulation) => {
    const parts = await openParts(stack);
    const bucket = await createBucket(parts, root, { name: 'b', owner: undefined, rules: NO_RULES });
    const place = { directory: bucket.ino, name: bytes('f') };
    const made = await create(parts, root, place, { mode: { how: 'guarded' }, wish: {} });
    const { ino } = made.attributes;
    await write(parts, root, ino, { offset: 0, data: bytes('dirty'), stable: false });
    const out = writeOut(parts, ino).catch(() => undefined);
    await simulation.latency('remover');
    await remove(parts, root, place);
    await out;
    await assert.rejects(attributes(parts, ino));
    assert.equal(parts.files.weight, 0);
  }));
