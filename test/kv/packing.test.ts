import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { packBatch, packKeys, unpackPage, unpackValues } from '../../src/kv/packing.ts';

const some = fc.uint8Array({ maxLength: 300 });

test('rows that were packed are the rows of a page, as views without a copy', () =>
  fc.assert(
    fc.property(
      fc.array(fc.tuple(some, some).map(([key, value]) => ({ key, value }))),
      fc.boolean(),
      (rows, isLast) => {
        const packed = Buffer.concat([Buffer.from([isLast ? 1 : 0]), packBatch(rows)]);
        const page = unpackPage(packed);
        assert.deepEqual(page, { entries: rows, isLast });
        assert(
          page.entries.every(
            ({ key, value }) => key.buffer === packed.buffer && value.buffer === packed.buffer,
          ),
        );
      },
    ),
  ));

test('values that were found or not come back in order', () =>
  fc.assert(
    fc.property(fc.array(fc.option(some, { nil: undefined })), (values) => {
      const packed = values.map((value) => (value === undefined ? Buffer.alloc(4, 0xff) : packKeys([value])));
      assert.deepEqual(unpackValues(Buffer.concat(packed), values.length), values);
    }),
  ));

test('the layout is the one that native/core/src/kv/packing.rs reads', () => {
  const [key, value] = [Buffer.from('key'), Buffer.alloc(0x0102, 'v')];
  const row = Buffer.concat([Buffer.from([3, 0, 0, 0, 2, 1, 0, 0]), key, value]);
  const deletion = Buffer.concat([Buffer.from([3, 0, 0, 0, 255, 255, 255, 255]), key]);
  assert.deepEqual(
    packBatch([
      { key, value },
      { key, value: undefined },
    ]),
    Buffer.concat([row, deletion]),
  );
  assert.deepEqual(
    packKeys([key, key]),
    Buffer.concat([Buffer.from([3, 0, 0, 0]), key, Buffer.from([3, 0, 0, 0]), key]),
  );
});
