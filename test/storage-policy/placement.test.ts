import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { isWarmer, place, type ObjectFacts } from '../../src/storage-policy/placement.ts';
import { storagePolicyOf } from '../../src/storage-policy/policy.ts';
import { tiers, type Tier } from '../../src/tiering/tier.ts';

const balanced = storagePolicyOf('p', { target: 'photos' });
const DAY = 86_400;
const settled: ObjectFacts = {
  ...{ at: 'hot', iops: 1000, idleSeconds: 2 * DAY, movedSeconds: undefined, observedSeconds: 2 * DAY },
  classTier: undefined,
};

suite('where an object belongs', () => {
  const cases: readonly [string, Partial<ObjectFacts>, Tier, string][] = [
    [
      'of a class of the warm tier it is warm, however busy',
      { iops: 9000, classTier: 'warm' },
      'warm',
      'storage-class',
    ],
    [
      'of a class of the cold tier it is cold, however new',
      { iops: undefined, idleSeconds: 0, movedSeconds: 0, classTier: 'cold' },
      'cold',
      'storage-class',
    ],
    ['above 5,000 IOPS it is hot', { iops: 5000.5, at: 'cold' }, 'hot', 'score'],
    ['at 5,000 it is warm', { iops: 5000 }, 'warm', 'score'],
    ['just above 500 it is warm', { iops: 500.5 }, 'warm', 'score'],
    ['at 500 it is cold', { iops: 500 }, 'cold', 'score'],
    ['what nobody touches is cold', { iops: 0 }, 'cold', 'score'],
    [
      'written less than a cooldown ago it stays',
      { iops: 0, idleSeconds: DAY - 1 },
      'hot',
      'written-recently',
    ],
    ['moved less than a cooldown ago it stays', { iops: 0, movedSeconds: 60 }, 'hot', 'moved-recently'],
    ['a gateway that has just started does not know', { iops: 0, observedSeconds: 60 }, 'hot', 'observing'],
    [
      'what is busy goes up at once',
      { iops: 9000, at: 'cold', idleSeconds: 0, observedSeconds: 0 },
      'hot',
      'score',
    ],
    [
      'but not up and down all the time',
      { iops: 9000, at: 'cold', movedSeconds: 60 },
      'cold',
      'moved-recently',
    ],
    ['without a score it stays', { iops: undefined, at: 'warm' }, 'warm', 'score-unknown'],
  ];
  for (const [name, facts, tier, reason] of cases)
    test(name, () => {
      const placement = place(balanced, tiers, { ...settled, ...facts });
      assert.deepEqual([placement.tier, placement.reason], [tier, reason]);
    });

  test('where the wanted tier is missing, the next warmer one is taken', () => {
    const at = (present: readonly Tier[], iops: number): Tier =>
      place(balanced, present, { ...settled, iops }).tier;
    assert.equal(at(['hot', 'warm'], 0), 'warm');
    assert.equal(at(['hot', 'cold'], 1000), 'hot');
    assert.equal(at(['hot'], 0), 'hot');
  });

  test('pools that a policy does not name are not used', () => {
    const policy = storagePolicyOf('p', { target: 'photos', pools: ['warm', 'cold'] });
    assert.equal(place(policy, tiers, { ...settled, iops: 9000 }).tier, 'warm');
    assert.equal(place({ ...balanced, pools: ['cold'] }, tiers, { ...settled, iops: 9000 }).tier, 'cold');
  });

  test('whatever the facts, it is a tier that there is, and waiting ends when it says', () => {
    const facts = fc.record({
      at: fc.constantFrom(...tiers),
      iops: fc.option(fc.double({ min: 0, max: 20_000, noNaN: true }), { nil: undefined }),
      idleSeconds: fc.integer({ min: 0, max: 3 * DAY }),
      movedSeconds: fc.option(fc.integer({ min: 0, max: 3 * DAY }), { nil: undefined }),
      observedSeconds: fc.integer({ min: 0, max: 3 * DAY }),
      classTier: fc.option(fc.constantFrom(...tiers), { nil: undefined }),
    });
    fc.assert(
      fc.property(facts, (given) => {
        const placement = place(balanced, tiers, given);
        assert.ok(tiers.includes(placement.tier));
        if (given.classTier !== undefined) return assert.equal(placement.tier, given.classTier);
        if (placement.reason !== 'score') assert.equal(placement.tier, given.at);
        let now = given;
        for (let turns = 0; ; turns++) {
          const { reviewSeconds, reason } = place(balanced, tiers, now);
          if (reviewSeconds === undefined) return assert.ok(['score', 'score-unknown'].includes(reason));
          assert.ok(turns < 4, 'each wait is waited for once');
          now = {
            ...now,
            idleSeconds: now.idleSeconds + reviewSeconds,
            observedSeconds: now.observedSeconds + reviewSeconds,
            movedSeconds: now.movedSeconds && now.movedSeconds + reviewSeconds,
          };
          if (now.movedSeconds === 0) return undefined;
        }
      }),
    );
  });

  test('more heat never means a colder tier', () => {
    const rate = fc.double({ min: 0, max: 20_000, noNaN: true });
    fc.assert(
      fc.property(rate, rate, fc.subarray([...tiers], { minLength: 1 }), (one, other, some) => {
        const present: readonly Tier[] = ['hot', ...some.filter((it) => it !== 'hot')];
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        const colder = place(balanced, present, { ...settled, iops: low }).tier;
        const warmer = place(balanced, present, { ...settled, iops: high }).tier;
        assert.ok(colder === warmer || isWarmer(warmer, colder));
      }),
    );
  });
});

suite('a policy document', () => {
  test('takes from its preset what it does not say, and quantities as people write them', () => {
    const policy = storagePolicyOf('p', {
      ...{ target: 'photos/raw/', preset: 'performance', cooldown: '90m', ecBytesMin: '4Mi' },
    });
    assert.equal(policy.hotAboveIops, 500);
    assert.equal(policy.cooldownSeconds, 5400);
    assert.equal(policy.ecBytesMin, 4 << 20);
    assert.deepEqual(policy.target, { bucket: 'photos', prefix: Buffer.from('raw/') });
  });

  const wrong: readonly [string, object, RegExp][] = [
    ['no bucket', { target: '/x' }, /target needs a bucket/],
    [
      'thresholds that cross',
      { hotAboveIops: 10 },
      /coldAtOrBelowIops \(500\) lies above hotAboveIops \(10\)/,
    ],
    ['a cooldown that is none', { cooldown: 'soon' }, /cooldown: "soon" is not a duration/],
    ['a size that is none', { ecBytesMin: '4 apples' }, /"4 apples" is not a quantity/],
  ];
  for (const [name, document, message] of wrong)
    test(`is refused with a sentence: ${name}`, () =>
      assert.throws(() => storagePolicyOf('p', { target: 'photos', ...document }), message));
});
