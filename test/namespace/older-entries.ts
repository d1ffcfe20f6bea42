import type { Kv } from '../../src/kv/kv.ts';
import { prefixRange } from '../../src/kv/tuple.ts';
import { decodeDentry, encodeDentry } from '../../src/namespace/records.ts';

const dentries = prefixRange(Uint8Array.of(0x12));

/** Makes all entries such as programs wrote them that let none say what listings show. */
export async function makeEntriesOlder(kv: Kv): Promise<void> {
  await kv.transact('durable', async (tx) => {
    for await (const page of tx.scan(dentries, { pageEntries: 100 }))
      for (const { key, value } of page) tx.put(key, encodeDentry(decodeDentry(value)));
  });
}
