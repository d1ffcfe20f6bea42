import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { Random } from '../../src/environment.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { pause, type Actor } from './actor.ts';
import { contentOf, Contents, type ContentName } from './content.ts';
import { Cut, WrongAnswer } from './doors.ts';
import { FloodActor } from './flood-actor.ts';
import type { Doors } from './look.ts';
import { ObjectActor } from './object-actor.ts';
import type { Scenario } from './scenarios.ts';
import {
  askAdmin,
  buckets,
  closeDoors,
  closeSite,
  openDoors,
  openSite,
  originBucket,
  withS3,
  type Site,
} from './site.ts';
import { Tally } from './tally.ts';
import { TreeActor } from './tree-actor.ts';
import { VersionActor } from './version-actor.ts';

export interface RunOptions {
  readonly scenario: Scenario;
  readonly rounds: number;
  readonly seed: number;
  readonly directory: string;
  /** How many operations are acknowledged at most before the kill. */
  readonly operationsMax: number;
  /** The load generator `s3load`, for a flood of PUTs beside the actors. */
  readonly s3load?: string;
  /** A line for people. */
  readonly say: (line: string) => void;
}

export interface RunSummary {
  readonly scenario: string;
  readonly seed: number;
  readonly rounds: number;
  readonly kills: {
    readonly underLoad: number;
    readonly whileStarting: number;
    readonly ofTheColdStore: number;
  };
  readonly acknowledged: Readonly<Record<string, number>>;
  readonly refused: Readonly<Record<string, number>>;
  readonly unanswered: number;
  readonly sentAgain: number;
  readonly compared: number;
  /** What went on beside the load, and the migrations that were completed. */
  readonly beside: Readonly<Record<string, number>>;
  readonly migrations: number;
  readonly startMs: { readonly median: number; readonly max: number };
  readonly scrub: Readonly<Record<string, unknown>>;
  readonly seconds: number;
}

/** On a machine that has much else to do the kill comes before so many operations: up to this. */
const loadMsMax = 6_000;
const killDelayMsMax = 25;
const originKeysCount = 120;
const objectKeysEach = 12;
/** Actors that look at what is theirs at a time. */
const lookersMax = 8;
const settleMsMax = 240_000;

/** One gateway from its first start to its last stop, killed `rounds` times in between. Rejects with what is wrong. */
export async function runRounds(options: RunOptions): Promise<RunSummary> {
  const run = new CrashRun(options);
  try {
    await run.open();
    for (let round = 1; round <= options.rounds; round += 1) await run.round(round);
    return await run.end();
  } finally {
    await run.close();
  }
}

class CrashRun {
  readonly #options: RunOptions;
  readonly #random: Random;
  readonly #tally = new Tally();
  readonly #startMs: number[] = [];
  readonly #kills = { underLoad: 0, whileStarting: 0, ofTheColdStore: 0 };
  readonly #beganAt = performance.now();
  #actors: readonly Actor[] = [];
  #site: Site | undefined;
  #doors: Doors | undefined;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
  }

  async open(): Promise<void> {
    const { scenario, directory } = this.#options;
    this.#site = await openSite(directory, scenario.flags);
    const initial =
      scenario.actors.attached === 0 ? new Map<string, ContentName>() : await attachOrigin(this.#site);
    this.#actors = makeActors(scenario, { random: this.#random, tally: this.#tally, initial });
    this.#actors = [...this.#actors, ...this.#flood(this.#site)];
    this.#doors = await openDoors(this.#site);
    for (const actor of this.#actors) await actor.open(this.#doors);
  }

  /** Load, a kill in the middle of it, a start, and a look at everything. */
  async round(number: number): Promise<void> {
    const { scenario, operationsMax, say } = this.#options;
    const site = this.#there();
    const before = this.#tally.acknowledged.sum();
    const loadMs = await this.#loadAndKill(before + this.#random.below(operationsMax));
    const isColdKilled = this.#random.below(100) < scenario.coldKilledOfHundred;
    if (isColdKilled) await this.#killCold();
    const startsKilled = await this.#killStarts();
    const startMs = await site.gateway.start();
    this.#startMs.push(startMs);
    this.#doors = await openDoors(site);
    await this.#each((actor, doors) => actor.recover(doors));
    const killed = `killed after ${loadMs} ms${isColdKilled ? ', the cold store too' : ''}`;
    const starts = startsKilled === 0 ? '' : `, and ${startsKilled} times while it started`;
    const acknowledged = this.#tally.acknowledged.sum() - before;
    say(
      `${scenario.name} ${number}: ${acknowledged} acknowledged, ${killed}${starts}; started in ${Math.round(startMs)} ms; all is there`,
    );
  }

  /** Everything comes to rest; then it is read, scrubbed, stopped, started and read again. */
  async end(): Promise<RunSummary> {
    const site = this.#there();
    await askAdmin(site, { method: 'POST', path: '/v1/jobs/evict/resume' });
    await this.#settleWarm();
    await this.#each((actor, doors) => actor.verify(doors));
    const scrub = await this.#scrub();
    const migrations = await this.#migrations();
    await this.#restart();
    await this.#each((actor, doors) => actor.verify(doors));
    await closeDoors(this.#opened());
    const { errorsExpected } = this.#options.scenario;
    const errors = site.gateway
      .errors()
      .filter((line) => !errorsExpected.some((event) => line.includes(event)));
    if (errors.length > 0) throw new WrongAnswer(`the gateway logged ${errors.length} errors: ${errors[0]}`);
    const sorted = [...this.#startMs].sort((one, other) => one - other);
    return {
      scenario: this.#options.scenario.name,
      seed: this.#options.seed,
      rounds: this.#options.rounds,
      kills: { ...this.#kills },
      startMs: {
        median: Math.round(sorted[sorted.length >> 1] ?? 0),
        max: Math.round(sorted.at(-1) ?? 0),
      },
      acknowledged: this.#tally.acknowledged.byName(),
      refused: this.#tally.refused.byName(),
      unanswered: this.#tally.unanswered,
      sentAgain: this.#tally.sentAgain,
      compared: this.#tally.compared,
      beside: site.done.byName(),
      migrations,
      scrub,
      seconds: Math.round((performance.now() - this.#beganAt) / 1000),
    };
  }

  async close(): Promise<void> {
    if (this.#site !== undefined) await closeSite(this.#site);
  }

  #flood({ gateway, done }: Site): readonly Actor[] {
    const { s3load: program, directory } = this.#options;
    if (program === undefined) return [];
    const endpoint = (): string => gateway.endpoint;
    return [
      new FloodActor({ program, endpoint, bucket: buckets.objects, directory, random: this.#random, done }),
    ];
  }

  /** Kills it when so many operations have been acknowledged, at any moment of the next one; after how many milliseconds. */
  async #loadAndKill(operations: number): Promise<number> {
    const { scenario } = this.#options;
    const [site, doors] = [this.#there(), this.#opened()];
    let isKilled = false;
    const isOver = (): boolean => isKilled;
    const working = this.#actors.map(async (actor) => {
      if ((await actor.work(doors, isOver)) === 'cut' && !isKilled)
        throw new WrongAnswer('the gateway broke off by itself');
    });
    const disturbing = scenario.disturb(site, this.#random, isOver);
    const all = Promise.all([...working, disturbing]);
    // Whatever fails before the kill ends the run; what comes after it is waited for below.
    const beganAt = performance.now();
    const msMax = this.#random.below(loadMsMax);
    const loaded = async (): Promise<void> => {
      while (this.#tally.acknowledged.sum() < operations && performance.now() - beganAt < msMax)
        await pause(1);
      await pause(this.#random.below(killDelayMsMax));
    };
    await Promise.race([all, loaded()]);
    const loadMs = Math.round(performance.now() - beganAt);
    if (site.gateway.hasEnded()) throw new WrongAnswer('the gateway has ended by itself');
    isKilled = true;
    await site.gateway.kill();
    this.#kills.underLoad += 1;
    await all;
    await closeDoors(doors);
    return loadMs;
  }

  async #killCold(): Promise<void> {
    const { cold } = this.#there();
    await cold.kill();
    this.#kills.ofTheColdStore += 1;
    await cold.start();
  }

  /** Kills it at random moments of a start; how often. */
  async #killStarts(): Promise<number> {
    const { killedStarts } = this.#options.scenario;
    if (this.#random.below(100) >= killedStarts.ofHundred) return 0;
    const count = 1 + this.#random.below(killedStarts.max);
    const usualMs = this.#startMs.at(-1) ?? 1000;
    for (let index = 0; index < count; index += 1) {
      await this.#there().gateway.startAndKill(this.#random.below(Math.ceil(usualMs * 1.2)));
      this.#kills.whileStarting += 1;
    }
    return count;
  }

  async #each(work: (actor: Actor, doors: Doors) => Promise<void>): Promise<void> {
    const waiting = [...this.#actors];
    const doors = this.#opened();
    const lookers = Array.from({ length: lookersMax }, async () => {
      for (let actor = waiting.pop(); actor !== undefined; actor = waiting.pop()) await work(actor, doors);
    });
    await Promise.all(lookers).catch((cause: unknown) => {
      throw cause instanceof Cut ? new WrongAnswer('the gateway broke off by itself') : cause;
    });
  }

  /** Devices that were lost are replaced and whole again. */
  async #settleWarm(): Promise<void> {
    const site = this.#there();
    for (const begun = performance.now(); performance.now() - begun < settleMsMax;) {
      const warm = (await askAdmin(site, { path: '/v1/warm' })) as unknown as Warm | undefined;
      const away = warm?.devices.filter(({ state }) => state === 'missing') ?? [];
      for (const { path } of away) {
        await askAdmin(site, { method: 'POST', path: '/v1/warm/replace', body: { old: path, new: path } });
      }
      const isWhole = warm?.shardsMissing === 0 && !warm.repair.running && away.length === 0;
      if (isWhole && warm.devices.every(({ draining }) => !draining)) return;
      if (warm?.repair.running === false) await askAdmin(site, { method: 'POST', path: '/v1/warm/rebuild' });
      await pause(200);
    }
    throw new WrongAnswer('the warm pool does not become whole');
  }

  /** Of everything. In a store that has only been killed nothing is damaged. */
  async #scrub(): Promise<Readonly<Record<string, unknown>>> {
    const site = this.#there();
    await askAdmin(site, { method: 'POST', path: '/v1/scrub' });
    for (const begun = performance.now(); performance.now() - begun < settleMsMax;) {
      const scrub = (await askAdmin(site, { path: '/v1/scrub' })) ?? {};
      if (scrub['state'] !== 'running') {
        const isClean = ['corrupt', 'unrecoverable', 'unknown'].every((name) => scrub[name] === 0);
        if (scrub['state'] === 'completed' && isClean) return scrub;
        throw new WrongAnswer(`the scrub found damage: ${JSON.stringify(scrub)}`);
      }
      await pause(200);
    }
    throw new WrongAnswer('the scrub does not end');
  }

  /** Over all lives of the gateway. */
  async #migrations(): Promise<number> {
    const tiers = (await askAdmin(this.#there(), { path: '/v1/tiers' })) as unknown as Tiers | undefined;
    return tiers?.migrations.completed ?? 0;
  }

  /** A clean stop, and a start. */
  async #restart(): Promise<void> {
    const site = this.#there();
    await closeDoors(this.#opened());
    const code = await site.gateway.stop();
    if (code !== 0) throw new WrongAnswer(`exit code ${code} on SIGTERM`);
    await site.gateway.start();
    this.#doors = await openDoors(site);
  }

  #there(): Site {
    if (this.#site === undefined) throw new Error('not open');
    return this.#site;
  }
  #opened(): Doors {
    if (this.#doors === undefined) throw new Error('not open');
    return this.#doors;
  }
}

interface Tiers {
  readonly migrations: { readonly completed: number };
}

interface Warm {
  readonly devices: readonly { readonly path: string; readonly state: string; readonly draining: boolean }[];
  readonly shardsMissing: number;
  readonly repair: { readonly running: boolean };
}

function makeActors(
  { actors, objectBytesMax }: Scenario,
  { random, tally, initial }: { random: Random; tally: Tally; initial: ReadonlyMap<string, ContentName> },
): readonly Actor[] {
  let number = 0;
  const parts = (bucket: string): { number: number; bucket: string; random: Random; tally: Tally } => ({
    ...{ number: (number += 1), bucket, tally },
    random: seededRandom(random.below(2 ** 31)),
  });
  const make = <T>(count: number, one: (index: number) => T): T[] =>
    Array.from({ length: count }, (_, index) => one(index));
  const originKeys = [...initial.keys()];
  return [
    ...make(actors.tree, () => new TreeActor(parts(buckets.tree))),
    ...make(actors.versions, () => new VersionActor(parts(buckets.versions))),
    ...make(actors.objects, (index) => {
      const keys = make(objectKeysEach, (key) => `of${index}-${key}`);
      const rest = { keys, initial: new Map<string, ContentName>(), bytesMax: objectBytesMax, readsOfTen: 3 };
      return new ObjectActor({ ...parts(buckets.objects), ...rest });
    }),
    ...make(actors.attached, (index) => {
      const keys = originKeys.filter((_, key) => key % actors.attached === index);
      const own = new Map([...initial].filter(([key]) => keys.includes(key)));
      return new ObjectActor({
        ...parts(buckets.attached),
        keys,
        initial: own,
        bytesMax: 100_000,
        readsOfTen: 6,
      });
    }),
  ];
}

/** Objects of the other gateway, which appear in a bucket of this one. */
async function attachOrigin(site: Site): Promise<ReadonlyMap<string, ContentName>> {
  const contents = new Contents(seededRandom(1), 1_000_000);
  const names = new Map<string, ContentName>();
  await withS3(site.cold, async (s3) => {
    for (let index = 0; index < originKeysCount; index += 1) {
      const name = contents.nextName(index * 997);
      names.set(`o${index}`, name);
      const command = new PutObjectCommand({ Bucket: originBucket, Key: `o${index}`, Body: contentOf(name) });
      await s3.ok((client) => client.send(command));
    }
  });
  const url = `s3://${originBucket}?endpoint=${site.cold.endpoint}`;
  const path = `/v1/cold/attached/${buckets.attached}`;
  const answer = await askAdmin(site, { method: 'PUT', path, body: { url, access: 'local' } });
  if (answer === undefined) throw new WrongAnswer('the bucket was not attached');
  return names;
}
