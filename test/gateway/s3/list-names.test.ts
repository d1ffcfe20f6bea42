import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../../src/fault.ts';
import type { Bucket, Ino } from '../../../src/namespace/namespace.ts';
import { root } from '../../namespace/world.ts';
import { openLiveDoor, type LiveDoor } from './live-door.ts';
import { sendSigned } from './signed-request.ts';

/** Names are latin1 strings here: one character a byte. */
const raw = (name: string): Buffer => Buffer.from(name, 'latin1');

let door: LiveDoor;
let count = 0;
before(async () => {
  door = await openLiveDoor();
});
after(() => door.close());

interface Tree {
  /** Made over NFS: components of any bytes. */
  readonly paths: readonly (readonly string[])[];
  /** Made over S3. */
  readonly keys: readonly string[];
}

async function bucketWith({ paths, keys }: Tree): Promise<{ name: string; bucket: Bucket }> {
  count += 1;
  const name = `names-${count}`;
  await sendSigned(door.port, { method: 'PUT', bucket: name });
  const { objects, files } = door.world.namespace;
  const bucket = await objects.bucket(name);
  assert(bucket !== undefined);
  await objects.changeBucketRules(bucket, { versioning: 'enabled' });
  for (const path of paths) {
    const directory = await directoryOf(bucket.ino, path.slice(0, -1));
    const place = directory && { directory, name: raw(path.at(-1) ?? '') };
    const made =
      place && (await files.create(root, place, { mode: { how: 'guarded' }, wish: {} }).catch(ifTaken));
    if (made === undefined) continue;
    // A second version, begun after a pause.
    door.world.clock.ms += 3_600_000;
    await files.write(root, made.attributes.ino, { offset: 0, data: raw('x'), stable: true });
  }
  for (const key of keys) await sendSigned(door.port, { method: 'PUT', bucket: name, key, body: key });
  return { name, bucket };
}

/** `undefined`: a file stands in the way. */
async function directoryOf(bucket: Ino, path: readonly string[]): Promise<Ino | undefined> {
  const { files } = door.world.namespace;
  let at = bucket;
  for (const component of path) {
    const place = { directory: at, name: raw(component) };
    const made = await files.makeDirectory(root, place, {}).catch(ifTaken);
    const { attributes } = made ?? (await files.lookup(root, place));
    if (attributes.kind !== 'directory') return undefined;
    at = attributes.ino;
  }
  return at;
}

function ifTaken(fault: unknown): undefined {
  if (fault instanceof Fault && fault.code === 'exists') return undefined;
  throw fault;
}

interface Listing {
  readonly prefix: string;
  readonly delimiter: string;
}

interface Listed {
  readonly keys: readonly string[];
  readonly prefixes: readonly string[];
}

const decoded = (xml: string, name: string): string | undefined => {
  const [, value] = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml) ?? [];
  return value === undefined ? undefined : decodeURIComponent(value);
};

const all = (xml: string, pattern: RegExp): string[] =>
  [...xml.matchAll(pattern)].map((found) => found.slice(1).map(decodeURIComponent).join(' '));

/** How the pages of a kind of listing are asked for, read, and go on. */
interface Form {
  readonly query: Readonly<Record<string, string>>;
  readonly entry: RegExp;
  next(xml: string): Readonly<Record<string, string>>;
}

const forms: Readonly<Record<string, Form>> = {
  v1: {
    query: {},
    entry: /<Contents><Key>([^<]*)<\/Key>/g,
    next: (xml) => ({
      marker: decoded(xml, 'NextMarker') ?? all(xml, /<Contents><Key>([^<]*)<\/Key>/g).at(-1) ?? '',
    }),
  },
  v2: {
    query: { 'list-type': '2' },
    entry: /<Contents><Key>([^<]*)<\/Key>/g,
    next: (xml) => ({ 'continuation-token': decoded(xml, 'NextContinuationToken') ?? '' }),
  },
  versions: {
    query: { versions: '' },
    entry: /<(?:Version|DeleteMarker)><Key>([^<]*)<\/Key><VersionId>([^<]*)<\/VersionId>/g,
    next: (xml) => ({
      'key-marker': decoded(xml, 'NextKeyMarker') ?? '',
      'version-id-marker': decoded(xml, 'NextVersionIdMarker') ?? '',
    }),
  },
};

async function listed(bucket: string, form: Form, ask: Listing & { maxKeys: number }): Promise<Listed> {
  const found = { keys: [] as string[], prefixes: [] as string[] };
  let position: Readonly<Record<string, string>> = {};
  for (let pages = 0; ; pages += 1) {
    assert(pages < 200, 'the listing has no end');
    const { prefix, delimiter, maxKeys } = ask;
    const query = { ...form.query, ...position, prefix, delimiter, 'max-keys': String(maxKeys) };
    const answer = await sendSigned(door.port, {
      ...{ method: 'GET', bucket },
      query: { ...query, 'encoding-type': 'url' },
    });
    assert.equal(answer.status, 200);
    const xml = answer.body.toString();
    const keys = all(xml, form.entry);
    const prefixes = all(xml, /<CommonPrefixes><Prefix>([^<]*)<\/Prefix>/g);
    assert(keys.length + prefixes.length <= maxKeys);
    found.keys.push(...keys);
    found.prefixes.push(...prefixes);
    if (!xml.includes('<IsTruncated>true')) return found;
    assert.equal(keys.length + prefixes.length, maxKeys);
    position = form.next(xml);
  }
}

const byte = fc.constantFrom(
  '\xff',
  '\xc3',
  '\xe9',
  '\xf4',
  '\x80',
  '\xef\xbf\xbd',
  'a',
  'b',
  '-',
  '\xc3\xa9',
);
const component = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: byte },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)) },
    ),
    {
      minLength: 1,
      maxLength: 3,
    },
  )
  .map((bytes) => bytes.join(''))
  .filter((name) => !name.includes('/') && !['.', '..'].includes(name));
const tree = fc.record({
  paths: fc.array(fc.array(component, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 7 }),
  keys: fc.uniqueArray(fc.constantFrom('a', 'é', 'a/b', 'é/a', '\u{10fffd}', 'zz', '\ufffd', 'a//b'), {
    maxLength: 4,
  }),
});
const listing = fc.record({
  prefix: fc.constantFrom('', '', '', 'a', 'é', '\ufffd'),
  delimiter: fc.constantFrom('', '', '/', '/', 'a', 'é', '\ufffd', '-'),
});

test('pages of any size joined are the whole listing, whatever bytes the names are made of', () =>
  fc.assert(
    fc.asyncProperty(tree, fc.array(listing, { minLength: 2, maxLength: 2 }), async (made, listings) => {
      const { name } = await bucketWith(made);
      for (const asked of listings) {
        const wholes = new Map<string, Listed>();
        for (const [kind, form] of Object.entries(forms)) {
          const whole = await listed(name, form, { ...asked, maxKeys: 1000 });
          wholes.set(kind, whole);
          for (const maxKeys of [1, 2, 3])
            assert.deepEqual(await listed(name, form, { ...asked, maxKeys }), whole, `${kind} by ${maxKeys}`);
        }
        assert.deepEqual(wholes.get('v1'), wholes.get('v2'));
      }
    }),
    { numRuns: 20 },
  ));

test('names that look the same are all listed, and told apart by the markers', async () => {
  const paths = ['\xc0', '\xe9', '\xff', '\xffa', '\xef\xbf\xbd', 'z'].map((name) => [name]);
  const { name } = await bucketWith({ paths, keys: [] });
  const want = ['\ufffd', '\ufffd', '\ufffd', '\ufffd', '\ufffda', 'z'];
  for (const maxKeys of [1, 2, 1000]) {
    for (const kind of ['v1', 'v2'])
      assert.deepEqual(
        [...(await listed(name, forms[kind] as Form, { prefix: '', delimiter: '', maxKeys })).keys].sort(),
        want.toSorted(),
      );
  }
});
