import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sipHash128, sipKey } from '../../../src/gateway/nfs/siphash.ts';

const key = sipKey(Uint8Array.from({ length: 16 }, (_, index) => index));

/** Key and message are 00 01 02 …; the first is from the authors' table, the others from `openssl mac … SIPHASH`. */
const cases = [
  { length: 0, want: 'a3817f04ba25a8e66df67214c7550293' },
  { length: 8, want: '3b62a9ba6258f5610f83e264f31497b4' },
  { length: 16, want: '6ee2a4ca67b054bbfd3315bf85230577' },
  { length: 24, want: '2db479ae78bd50d8882a8a178a6132ad' },
  { length: 40, want: 'df6a301e95c95dad97ae0cc8c6913bd8' },
] as const;
for (const { length, want } of cases) {
  test(`SipHash-2-4-128 of ${length} bytes`, () => {
    const message = new DataView(Uint8Array.from({ length: 40 }, (_, index) => index).buffer);
    const target = new Uint8Array(16);
    sipHash128(key, message, length, new DataView(target.buffer));
    assert.equal(Buffer.from(target).toString('hex'), want);
  });
}
