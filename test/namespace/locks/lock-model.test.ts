import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type {
  LockLine,
  LockPeers,
  LockRequest,
  Locks,
  TellOutcome,
} from '../../../src/namespace/locks/locks.ts';
import { openLockWorld, owner, request, settle, wait, wish } from './lock-world.ts';

/** What an owner believes of one byte. */
type Belief = 'none' | 'shared' | 'exclusive';
const BYTES = 3;
const names = ['a', 'b', 'c'] as const;
type Name = (typeof names)[number];

/**
 * What becomes of the news of a grant: heard and answered; heard, and the answer lost; lost on the way, which the server knows or
 * does not know.
 */
const fates = ['heard', 'answer lost', 'unreachable', 'lost'] as const;
type Fate = (typeof fates)[number];

interface Wanted {
  readonly offset: number;
  readonly length: number;
  readonly isExclusive: boolean;
}

/** One process with one thread on a machine with locks, as POSIX has it: while it waits it does nothing but ask again or give up. */
class Process {
  readonly name: Name;
  readonly beliefs: Belief[] = Array<Belief>(BYTES).fill('none');
  waiting: Wanted | undefined;

  constructor(name: Name) {
    this.name = name;
  }

  has({ offset, length }: Pick<Wanted, 'offset' | 'length'>, belief: Belief): void {
    this.beliefs.fill(belief, offset, offset + length);
  }

  /** The news of a grant. What it does not wait for it does not want. */
  hears({ offset, length, isExclusive }: LockRequest): 'granted' | 'refused' {
    const { waiting } = this;
    const isWanted =
      waiting?.offset === offset && waiting.length === length && waiting.isExclusive === isExclusive;
    if (isWanted) this.gets(waiting);
    return isWanted ? 'granted' : 'refused';
  }

  gets(wanted: Wanted): void {
    this.waiting = undefined;
    this.has(wanted, wanted.isExclusive ? 'exclusive' : 'shared');
  }
}

/** Processes on a network that loses what it is told to lose. */
class Field {
  readonly processes = new Map(names.map((name) => [name, new Process(name)]));
  /** Answers to the news of grants, on their way. */
  readonly answers: (() => void)[] = [];
  readonly peers: Pick<LockPeers, 'tell'>;
  locks!: Locks;

  constructor(given: readonly Fate[]) {
    const left = [...given];
    const outcomeOf = (wanted: LockRequest): TellOutcome => {
      const fate = left.shift() ?? 'heard';
      if (fate === 'unreachable') return 'unreachable';
      if (fate === 'lost') return 'unanswered';
      const answer = this.process(wanted.owner.client.name as Name).hears(wanted);
      return fate === 'heard' ? answer : 'unanswered';
    };
    this.peers = {
      tell: (wanted) => {
        const outcome = outcomeOf(wanted);
        return new Promise((resolve) => this.answers.push(() => resolve(outcome)));
      },
    };
  }

  process(name: Name): Process {
    return this.processes.get(name) ?? assert.fail();
  }

  async lock(process: Process, wanted: Wanted, waits: boolean): Promise<void> {
    const asked = process.waiting ?? wanted;
    const isPatient = waits || process.waiting !== undefined;
    if (isPatient) process.waiting = asked;
    const answer = await this.locks.lock(
      wish(process.name, { ...asked, wait: isPatient ? wait : undefined }),
    );
    if (answer === 'granted') process.gets(asked);
    else assert.equal(answer, process.waiting === undefined && !isPatient ? 'denied' : 'blocked');
  }

  async unlock(process: Process, range: Pick<Wanted, 'offset' | 'length'>): Promise<void> {
    if (process.waiting !== undefined) return;
    process.has(range, 'none');
    assert.equal(await this.locks.unlock({ ...request(process.name), ...range }), 'granted');
  }

  async cancel(process: Process): Promise<void> {
    const { waiting } = process;
    if (waiting === undefined) return;
    process.waiting = undefined;
    await this.locks.cancel(request(process.name, waiting));
  }

  async answerAll(): Promise<void> {
    while (this.answers.length > 0) {
      for (const answer of this.answers.splice(0)) answer();
      await settle();
    }
  }

  /** Of every byte: one writer or any number of readers. */
  checkNobodyIsFooled(): void {
    for (let at = 0; at < BYTES; at += 1) {
      const beliefs = [...this.processes.values()].map(({ beliefs: all }) => all[at]);
      const isShared = beliefs.filter((belief) => belief !== 'none').length > 1;
      assert(!isShared || !beliefs.includes('exclusive'), `byte ${at}: ${beliefs.join(', ')}`);
    }
  }
}

const covers = ({ offset, length }: LockLine, at: number): boolean => offset <= at && at < offset + length;

/** What the table says that the process has. */
function heldBy(locks: Locks, name: Name): readonly Belief[] {
  const held = locks.list().locks.filter((line) => line.state === 'held' && line.owner.client.name === name);
  return Array.from({ length: BYTES }, (_, at) => {
    const here = held.filter((line) => covers(line, at));
    if (here.some(({ isExclusive }) => isExclusive)) return 'exclusive';
    return here.length > 0 ? 'shared' : 'none';
  });
}

/** Whoever has waited longest has somebody in the way. */
function checkNobodyIsForgotten({ locks, processes }: Field): void {
  const first = locks.list().locks.find(({ state }) => state === 'waiting');
  if (first === undefined) return;
  const others = [...processes.values()].filter(({ name }) => name !== first.owner.client.name);
  const isBlocked = others.some(({ beliefs }) =>
    beliefs.some(
      (belief, at) => covers(first, at) && (first.isExclusive ? belief !== 'none' : belief === 'exclusive'),
    ),
  );
  assert(isBlocked, `${first.owner.client.name} waits for nobody`);
}

const range = fc
  .tuple(fc.nat(BYTES - 1), fc.integer({ min: 1, max: BYTES }))
  .map(([offset, length]) => ({ offset, length: Math.min(length, BYTES - offset) }));
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('lock' as const),
      who: fc.constantFrom(...names),
      range,
      isExclusive: fc.boolean(),
      waits: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('unlock' as const), who: fc.constantFrom(...names), range }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), who: fc.constantFrom(...names) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('answer' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('time' as const) }) },
);

const steps = fc.array(step, { minLength: 5, maxLength: 60, size: 'max' });

async function play(
  given: readonly (typeof step extends fc.Arbitrary<infer Step> ? Step : never)[],
  losses: readonly Fate[],
): Promise<void> {
  const field = new Field(losses);
  const { locks, clock } = await openLockWorld({ peers: field.peers });
  field.locks = locks;
  for (const it of given) {
    if (it.do === 'lock') {
      const { range: at, isExclusive, waits } = it;
      await field.lock(field.process(it.who), { ...at, isExclusive }, waits);
    }
    if (it.do === 'unlock') await field.unlock(field.process(it.who), it.range);
    if (it.do === 'cancel') await field.cancel(field.process(it.who));
    if (it.do === 'answer') field.answers.shift()?.();
    if (it.do === 'time') await clock.advance(20_000);
    await settle();
    field.checkNobodyIsFooled();
  }
  await field.answerAll();
  field.checkNobodyIsFooled();
  if (losses.length === 0) {
    for (const { name, beliefs } of field.processes.values()) assert.deepEqual(heldBy(locks, name), beliefs);
    checkNobodyIsForgotten(field);
  }
  for (const process of field.processes.values()) {
    await field.cancel(process);
    await field.unlock(process, { offset: 0, length: BYTES });
  }
  await field.answerAll();
  assert.deepEqual(locks.list().locks, []);
  await locks.close();
}

test('locks are as POSIX has them, while the news of grants comes late', () =>
  fc.assert(
    fc.asyncProperty(steps, (given) => play(given, [])),
    { numRuns: 100 },
  ));

test('whatever news of grants is lost, no two owners believe in one byte, and nothing stays behind', () =>
  fc.assert(
    fc.asyncProperty(steps, fc.array(fc.constantFrom(...fates), { minLength: 1, maxLength: 20 }), play),
    { numRuns: 300 },
  ));

test('a writer who waits to become a reader of more, and does not want it any more, is alone all the time', async () => {
  const field = new Field(['unreachable']);
  const { locks } = await openLockWorld({ peers: field.peers });
  const whole = { length: BYTES, isExclusive: false };
  await locks.lock(wish('a', { length: 1 }));
  await locks.lock(wish('b', { offset: 1, length: 2 }));
  assert.equal(await locks.lock(wish('a', { ...whole, wait })), 'blocked');
  await locks.unlock(request('b', { offset: 1, length: 2 }));
  assert.equal(await locks.lock(wish('c', { length: 1, isExclusive: false })), 'denied');
  assert.equal(await locks.cancel(request('a', whole)), 'granted');
  assert.equal(await locks.lock(wish('c', { length: 1, isExclusive: false })), 'denied');
  assert.equal(await locks.lock(wish('c', { offset: 1, length: 2, owner: owner('c') })), 'granted');
  await field.answerAll();
  await locks.close();
});
