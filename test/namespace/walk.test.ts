import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Bucket, WalkOptions } from '../../src/namespace/namespace.ts';
import { bytes, openWorld, put, root, type Stack } from './world.ts';

/** Keys are latin1 strings here: one character a byte, so that string order is byte order. */
const raw = (key: string): Buffer => Buffer.from(key, 'latin1');

/** What a listing is, said by sorting all keys: API_ListObjectsV2, Prefix, Delimiter, StartAfter. */
function expected(keys: readonly string[], { prefix, after, delimiter }: Listing): readonly string[] {
  const found: string[] = [];
  for (const key of [...keys].sort()) {
    if (!key.startsWith(prefix) || key <= after) continue;
    const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const entry = at < 0 ? key : `${key.slice(0, at + delimiter.length)}…`;
    if (found.at(-1) !== entry) found.push(entry);
  }
  return found;
}

interface Listing {
  readonly prefix: string;
  readonly after: string;
  readonly delimiter: string;
}

const PAGES_MAX = 100;

async function walked(
  { namespace }: Stack,
  bucket: Bucket,
  { listing, entriesMax }: { listing: Listing; entriesMax: number },
): Promise<readonly string[]> {
  const found: string[] = [];
  let after: Uint8Array | undefined = raw(listing.after);
  for (let pages = 0; after !== undefined; pages += 1) {
    assert(pages < PAGES_MAX, 'the listing has no end');
    const delimiter = listing.delimiter === '' ? undefined : raw(listing.delimiter);
    const options: WalkOptions = { prefix: raw(listing.prefix), after, delimiter, entriesMax };
    const page = await namespace.objects.walk(bucket.ino, options);
    assert(page.entries.length <= entriesMax);
    assert(page.next === undefined || page.entries.length > 0, 'a page in the middle has entries');
    for (const entry of page.entries) {
      if (entry.kind === 'object') found.push(Buffer.from(entry.key).toString('latin1'));
      else found.push(`${Buffer.from(entry.prefix).toString('latin1')}…`);
    }
    after = page.next;
  }
  return found;
}

const component = fc.constantFrom('', 'a', 'b', 'a0', 'a-', 'A', '.', '..', '\0', 'é', 'x'.repeat(300));
const key = fc
  .array(component, { minLength: 1, maxLength: 4 })
  .map((components) => components.join('/'))
  .filter((joined) => joined.length > 0);
const keys = fc.uniqueArray(key, { minLength: 1, maxLength: 25 });
const delimiter = fc.constantFrom('', '', '/', '/', 'a', '-', 'a/', '//', 'b/a');
const near = (all: readonly string[]): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom(...all), fc.nat(8), fc.constantFrom('', '/', '\0', 'a', '\xff'))
    .map(([from, length, more]) => from.slice(0, length) + more);
const scene = keys.chain((all) =>
  fc.record({
    all: fc.constant(all),
    listing: fc.record({ prefix: fc.oneof(fc.constant(''), near(all)), after: near(all), delimiter }),
    fromStart: fc.boolean(),
    entriesMax: fc.integer({ min: 1, max: 7 }),
  }),
);

test('a walk is what sorting all keys gives, for every prefix, delimiter, start and page size', () =>
  fc.assert(
    fc.asyncProperty(scene, async ({ all, listing, fromStart, entriesMax }) => {
      const world = await openWorld();
      const bucket = await world.namespace.objects.createBucket(root, 'b');
      for (const each of all) await put(world, bucket, Buffer.from(each, 'latin1').toString('utf8'), '');
      const stored = all.map((each) => Buffer.from(Buffer.from(each, 'latin1').toString('utf8')));
      const texts = stored.map((each) => each.toString('latin1'));
      const asked = fromStart ? { ...listing, after: '' } : listing;
      assert.deepEqual(await walked(world, bucket, { listing: asked, entriesMax }), expected(texts, asked));
    }),
    { numRuns: 300 },
  ));

const names = fc.uniqueArray(fc.constantFrom('\xff', '\xff\xffz', '\xffa', 'a', '\xe9', '\xff'.repeat(255)), {
  minLength: 1,
});

test('names that are no UTF-8, made by NFS, are listed once', () =>
  fc.assert(
    fc.asyncProperty(names, fc.integer({ min: 1, max: 4 }), async (all, entriesMax) => {
      const world = await openWorld();
      const { files, objects } = world.namespace;
      const bucket = await objects.createBucket(root, 'b');
      const x = (await files.makeDirectory(root, { directory: bucket.ino, name: bytes('x') }, {})).attributes
        .ino;
      for (const name of all)
        await files.create(root, { directory: x, name: raw(name) }, { mode: { how: 'guarded' }, wish: {} });
      await put(world, bucket, 'y', '');
      const stored = ['y', 'x/', ...all.map((name) => `x/${name}`)];
      for (const asked of ['', '/', 'x', 'a']) {
        const listing = { prefix: '', after: '', delimiter: asked };
        assert.deepEqual(await walked(world, bucket, { listing, entriesMax }), expected(stored, listing));
      }
    }),
    { numRuns: 40 },
  ));
