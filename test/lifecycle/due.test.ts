import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { Time } from '../../src/environment.ts';
import { dayAfter } from '../../src/lifecycle/calendar.ts';
import type { LifecycleDocument, RuleElement } from '../../src/lifecycle/document.ts';
import {
  abortOf,
  expirationOf,
  isDue,
  markerExpirationOf,
  noncurrentExpirationOf,
  noncurrentTransitionDue,
  transitionDue,
  type ClassedObject,
  type NoncurrentVersion,
  type Planned,
  type Terms,
} from '../../src/lifecycle/due.ts';
import { lifecycleFrom } from '../../src/lifecycle/rules.ts';

const DAY = 86_400;
const at = (iso: string): Time => ({ seconds: Date.parse(iso) / 1000, nanoseconds: 0 });
const created = at('2014-01-15T10:30:00Z');
const later = (seconds: number): Time => ({ seconds: created.seconds + seconds, nanoseconds: 0 });

const rule = (id: string, more: Partial<RuleElement>): RuleElement => ({
  ID: id,
  Prefix: '',
  Status: 'Enabled',
  Transition: [],
  NoncurrentVersionTransition: [],
  ...more,
});

const termsOf = (
  rules: readonly RuleElement[],
  secondsPerDay = DAY,
  transitionMinimum: LifecycleDocument['transitionMinimum'] = 'all_storage_classes_128K',
): Terms => ({
  lifecycle: lifecycleFrom({ Rule: [...rules], transitionMinimum }),
  calendar: { secondsPerDay },
});

const object: ClassedObject = {
  key: Buffer.from('logs/a'),
  size: 1 << 20,
  tags: [{ key: 'kind', value: 'log' }],
  modifiedAt: created,
  storageClass: 'STANDARD',
};

const shown = (planned: Planned | undefined): string | undefined =>
  planned && `${planned.rule.id} ${new Date(planned.atSeconds * 1000).toISOString()}`;

suite('days', () => {
  const cases = [
    { name: 'the example of the user guide', since: '2014-01-15T10:30:00Z', days: 3, want: '2014-01-19' },
    { name: 'five minutes after midnight', since: '2026-01-02T00:05:00Z', days: 1, want: '2026-01-04' },
    { name: 'midnight itself', since: '2026-01-02T00:00:00Z', days: 1, want: '2026-01-03' },
    { name: 'none', since: '2026-01-02T00:05:00Z', days: 0, want: '2026-01-03' },
    { name: 'over a leap day', since: '2024-02-28T23:59:59Z', days: 1, want: '2024-03-01' },
  ];
  for (const { name, since, days, want } of cases)
    test(`end at the midnight after them: ${name}`, () => {
      assert.equal(dayAfter({ secondsPerDay: DAY }, at(since), days), at(`${want}T00:00:00Z`).seconds);
    });

  test('of another length are counted to the second', () => {
    assert.equal(dayAfter({ secondsPerDay: 10 }, created, 3), created.seconds + 30);
    const within = { ...created, nanoseconds: 1 };
    assert.equal(dayAfter({ secondsPerDay: 10 }, within, 3), created.seconds + 31);
  });
});

suite('what a rule is about', () => {
  const expires: RuleElement['Expiration'] = { Days: 1 };
  const cases: readonly { name: string; rule: Partial<RuleElement>; want: boolean }[] = [
    { name: 'everything, by an empty filter', rule: { Filter: {} }, want: true },
    { name: 'everything, by an empty prefix', rule: { Prefix: '' }, want: true },
    { name: 'a prefix of its own', rule: { Prefix: 'logs/' }, want: true },
    { name: 'another prefix', rule: { Filter: { Prefix: 'log/' } }, want: false },
    { name: 'a prefix longer than the key', rule: { Filter: { Prefix: 'logs/ab' } }, want: false },
    { name: 'a tag', rule: { Filter: { Tag: { Key: 'kind', Value: 'log' } } }, want: true },
    {
      name: 'the tag with another value',
      rule: { Filter: { Tag: { Key: 'kind', Value: '' } } },
      want: false,
    },
    { name: 'a size below its own', rule: { Filter: { ObjectSizeGreaterThan: (1 << 20) - 1 } }, want: true },
    { name: 'its own size, from below', rule: { Filter: { ObjectSizeGreaterThan: 1 << 20 } }, want: false },
    { name: 'its own size, from above', rule: { Filter: { ObjectSizeLessThan: 1 << 20 } }, want: false },
    { name: 'a size above its own', rule: { Filter: { ObjectSizeLessThan: (1 << 20) + 1 } }, want: true },
    {
      name: 'all of several',
      rule: {
        Filter: {
          And: { Prefix: 'logs', Tag: [{ Key: 'kind', Value: 'log' }], ObjectSizeGreaterThan: 5 },
        },
      },
      want: true,
    },
    {
      name: 'several, not all of which hold',
      rule: {
        Filter: {
          And: {
            Tag: [
              { Key: 'kind', Value: 'log' },
              { Key: 'age', Value: 'old' },
            ],
          },
        },
      },
      want: false,
    },
    { name: 'nothing while it is disabled', rule: { Status: 'Disabled' }, want: false },
  ];
  for (const { name, rule: more, want } of cases)
    test(name, () => {
      const planned = expirationOf(termsOf([rule('r', { Expiration: expires, ...more })]), object);
      assert.equal(planned !== undefined, want);
    });
});

suite('expiration', () => {
  test('the earliest of several rules counts, by days or by date', () => {
    const rules = [
      rule('slow', { Expiration: { Days: 30 } }),
      rule('dated', { Expiration: { Date: '2014-01-18T00:00:00Z' } }),
      rule('marker', { Expiration: { ExpiredObjectDeleteMarker: true } }),
    ];
    assert.equal(shown(expirationOf(termsOf(rules), object)), 'dated 2014-01-18T00:00:00.000Z');
    assert.equal(expirationOf(termsOf(rules.slice(2)), object), undefined);
  });

  test('of two rules for the same second the more specific prefix is named', () => {
    const rules = [
      rule('b', { Expiration: { Days: 1 } }),
      rule('c', { Prefix: 'logs/', Expiration: { Days: 1 } }),
      rule('a', { Expiration: { Days: 1 } }),
    ];
    assert.match(shown(expirationOf(termsOf(rules), object)) ?? '', /^c /);
    assert.match(shown(expirationOf(termsOf([rules[0]!, rules[2]!]), object)) ?? '', /^a /);
  });

  test('a delete marker with nothing behind it goes at once by its own rule, and by age with Days', () => {
    const marker = { key: Buffer.from('logs/a'), createdAt: created };
    const aged = rule('aged', { Expiration: { Days: 2 } });
    const atOnce = rule('at-once', { Expiration: { ExpiredObjectDeleteMarker: true } });
    const tagged = rule('tagged', {
      Filter: { Tag: { Key: 'kind', Value: 'log' } },
      Expiration: { Days: 1 },
    });
    const dated = rule('dated', { Expiration: { Date: '2014-01-01T00:00:00Z' } });
    const kept = rule('kept', { Expiration: { ExpiredObjectDeleteMarker: false } });
    assert.equal(shown(markerExpirationOf(termsOf([aged]), marker)), 'aged 2014-01-18T00:00:00.000Z');
    assert.equal(
      shown(markerExpirationOf(termsOf([aged, atOnce]), marker)),
      'at-once 2014-01-15T10:30:00.000Z',
    );
    assert.equal(markerExpirationOf(termsOf([tagged, dated, kept]), marker), undefined);
  });

  test('uploads are given up by prefix and age', () => {
    const rules = [
      rule('abort', { Prefix: 'logs/', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 2 } }),
    ];
    const plan = (key: string): string | undefined =>
      shown(abortOf(termsOf(rules), { key: Buffer.from(key), initiatedAt: created }));
    assert.equal(plan('logs/x'), 'abort 2014-01-18T00:00:00.000Z');
    assert.equal(plan('log'), undefined);
  });
});

suite('noncurrent versions', () => {
  const version: NoncurrentVersion = {
    key: object.key,
    size: 10,
    tags: [],
    noncurrentSince: created,
    newerCount: 4,
    storageClass: 'STANDARD',
  };

  test('expire when they are old enough and enough newer ones are there', () => {
    const rules = [
      rule('r', {
        Filter: {},
        NoncurrentVersionExpiration: { NoncurrentDays: 5, NewerNoncurrentVersions: 5 },
      }),
    ];
    assert.equal(noncurrentExpirationOf(termsOf(rules), version), undefined);
    assert.equal(
      shown(noncurrentExpirationOf(termsOf(rules), { ...version, newerCount: 5 })),
      'r 2014-01-21T00:00:00.000Z',
    );
  });

  test('change their class like objects do, but delete markers have none', () => {
    const rules = [
      rule('r', {
        Filter: {},
        NoncurrentVersionTransition: [
          { NoncurrentDays: 1, StorageClass: 'STANDARD_IA' },
          { NoncurrentDays: 5, StorageClass: 'GLACIER', NewerNoncurrentVersions: 5 },
        ],
      }),
    ];
    const due = (given: Partial<NoncurrentVersion>, seconds: number): string | undefined =>
      noncurrentTransitionDue(termsOf(rules, 10), { ...version, ...given }, later(seconds))?.storageClass;
    assert.equal(due({}, 9), undefined);
    assert.equal(due({}, 10), 'STANDARD_IA');
    assert.equal(due({}, 60), 'STANDARD_IA');
    assert.equal(due({ newerCount: 5 }, 60), 'GLACIER');
    assert.equal(due({ storageClass: undefined }, 60), undefined);
  });
});

suite('transitions', () => {
  const rules = [
    rule('r', {
      Filter: {},
      Transition: [
        { Days: 30, StorageClass: 'STANDARD_IA' },
        { Days: 60, StorageClass: 'GLACIER' },
      ],
    }),
  ];
  const cases: readonly {
    name: string;
    given?: Partial<ClassedObject>;
    days: number;
    minimum?: LifecycleDocument['transitionMinimum'];
    want: string | undefined;
  }[] = [
    { name: 'not before its time', days: 30, want: undefined },
    { name: 'at the midnight after it', days: 31, want: 'STANDARD_IA' },
    { name: 'the coldest class whose time has come', days: 99, want: 'GLACIER' },
    { name: 'not twice', given: { storageClass: 'STANDARD_IA' }, days: 31, want: undefined },
    { name: 'never up', given: { storageClass: 'DEEP_ARCHIVE' }, days: 99, want: undefined },
    { name: 'from a class nobody knows', given: { storageClass: 'MINE' }, days: 99, want: undefined },
    { name: 'nothing small', given: { size: 131_071 }, days: 99, want: undefined },
    { name: 'nothing smaller than 128 KiB', given: { size: 131_072 }, days: 99, want: 'GLACIER' },
    {
      name: 'small ones to cold classes where that was asked for',
      given: { size: 1 },
      days: 99,
      minimum: 'varies_by_storage_class',
      want: 'GLACIER',
    },
    {
      name: 'small ones to no other class',
      given: { size: 1 },
      days: 31,
      minimum: 'varies_by_storage_class',
      want: undefined,
    },
  ];
  for (const { name, given = {}, days, minimum, want } of cases)
    test(name, () => {
      const due = transitionDue(termsOf(rules, DAY, minimum), { ...object, ...given }, later(days * DAY));
      assert.equal(due?.storageClass, want);
    });

  test('small ones where the rule itself speaks of sizes, or days are short', () => {
    const sized = [rule('r', { ...rules[0], Filter: { ObjectSizeGreaterThan: 0 } })];
    const small = { ...object, size: 1 };
    assert.equal(transitionDue(termsOf(sized), small, later(31 * DAY))?.storageClass, 'STANDARD_IA');
    assert.equal(transitionDue(termsOf(rules, 10), small, later(300))?.storageClass, 'STANDARD_IA');
  });
});

const days = fc.integer({ min: 1, max: 400 });
const prefix = fc.constantFrom('', 'a', 'ab', 'b');
const anyRule = fc
  .record({
    prefix,
    expiry: fc.option(days),
    moves: fc.uniqueArray(
      fc.record({ days, to: fc.constantFrom('STANDARD_IA' as const, 'GLACIER' as const) }),
      { selector: ({ to }) => to },
    ),
    noncurrent: fc.option(days),
  })
  .map(({ prefix: Prefix, expiry, moves, noncurrent }) =>
    rule('', {
      Filter: { Prefix },
      Transition: moves.map(({ days: Days, to: StorageClass }) => ({ Days, StorageClass })),
      ...(expiry === null ? {} : { Expiration: { Days: expiry } }),
      ...(noncurrent === null ? {} : { NoncurrentVersionExpiration: { NoncurrentDays: noncurrent } }),
    }),
  );
const anyRules = fc
  .array(anyRule, { maxLength: 8 })
  .map((rules) => rules.map((it, index) => ({ ...it, ID: `rule-${index}` })));
const anyObject = fc
  .record({ key: fc.constantFrom('a', 'abc', 'b', 'c'), seconds: fc.nat({ max: 4e9 }), size: fc.nat() })
  .map(({ key, seconds, size }) => ({
    ...object,
    key: Buffer.from(key),
    size,
    modifiedAt: { seconds, nanoseconds: 0 },
  }));
const length = fc.constantFrom(1, 10, DAY);

suite('whatever the rules are', () => {
  test('their order never matters', () => {
    const shuffled = anyRules.chain((rules) =>
      fc.record({
        rules: fc.constant(rules),
        other: fc.shuffledSubarray(rules, { minLength: rules.length }),
      }),
    );
    fc.assert(
      fc.property(shuffled, anyObject, length, fc.nat({ max: 4e9 }), ({ rules, other }, it, day, after) => {
        const [one, two] = [termsOf(rules, day), termsOf(other, day)];
        assert.deepEqual(expirationOf(one, it), expirationOf(two, it));
        const now = { seconds: it.modifiedAt.seconds + after, nanoseconds: 0 };
        assert.deepEqual(transitionDue(one, it, now), transitionDue(two, it, now));
      }),
    );
  });

  test('nothing is due before its days are over, and everything within a day after', () => {
    fc.assert(
      fc.property(anyRules, anyObject, length, (rules, it, day) => {
        const matching = rules.filter(
          ({ Filter, Expiration }) =>
            Expiration !== undefined && it.key.toString().startsWith(Filter?.Prefix ?? ''),
        );
        const least = Math.min(...matching.map(({ Expiration }) => Expiration?.Days ?? Infinity));
        const planned = expirationOf(termsOf(rules, day), it);
        assert.equal(planned === undefined, matching.length === 0);
        if (planned === undefined) return;
        const aged = it.modifiedAt.seconds + least * day;
        assert(planned.atSeconds >= aged && planned.atSeconds < aged + day);
        assert(!isDue(planned, { seconds: aged - 1, nanoseconds: 999_999_999 }));
        assert(isDue(planned, { seconds: aged + day, nanoseconds: 0 }));
      }),
    );
  });

  test('transitions only ever go down', () => {
    const classes = ['STANDARD', 'STANDARD_IA', 'GLACIER'];
    fc.assert(
      fc.property(
        anyRules,
        anyObject,
        fc.constantFrom(...classes),
        fc.nat({ max: 4e7 }),
        (rules, it, held, after) => {
          const now = { seconds: it.modifiedAt.seconds + after, nanoseconds: 0 };
          const due = transitionDue(termsOf(rules), { ...it, storageClass: held }, now);
          if (due !== undefined) assert(classes.indexOf(due.storageClass) > classes.indexOf(held));
        },
      ),
    );
  });
});
