import { Fault } from '../fault.ts';
import type { Kv } from '../kv/kv.ts';
import { BLOB_INLINE_BYTES_MAX } from '../limits.ts';
import { MIGRATION_BATCH_BYTES_MAX } from '../limits/tiering.ts';
import type { BlobLabels } from './blob-labels.ts';
import type { BlobId, Blobs, BlobUsage } from './blobs.ts';
import { CleanCopies } from './clean-copies.ts';
import { Copies, type BlobCopies } from './copies.ts';
import { Eviction } from './eviction.ts';
import { bytesToFree, ownSpace, usageWithin, type FillFacts } from './fill-level.ts';
import { ForeignCopies, type ForeignBlobs } from './foreign/foreign-copies.ts';
import type { BindingId } from './foreign/foreign-records.ts';
import { wayOut, type WayOut } from './foreign/way-out.ts';
import { HeatMap } from './heat.ts';
import { Descriptions } from './descriptions.ts';
import type { Hold } from './hold.ts';
import type { AlsoRelease, HotBlobs, HotUpkeep } from './hot/hot-blobs.ts';
import { openBlobs, type BlobsOptions } from './hot/open-blobs.ts';
import { LowerCopies } from './lower-copies.ts';
import { Migrations } from './migration.ts';
import { MigrationLog } from './migration-log.ts';
import type { MoveParts } from './moving.ts';
import { ChangedOutside } from './native-layout/changed-outside.ts';
import { KeyLocks } from './native-layout/key-locks.ts';
import { NativeLayout } from './native-layout/native-layout.ts';
import type { NativeParts, NativeStore } from './native-layout/native-parts.ts';
import { NATIVE_BINDING } from './native-layout/native-records.ts';
import { ObjectSweep } from './native-layout/sweep-objects.ts';
import type { WholeObjects } from './whole-objects.ts';
import { Pace } from './pace.ts';
import { Promotions } from './promotions.ts';
import type { ChunkStore } from './reduction/chunk-store.ts';
import { Repairs } from './repairs.ts';
import { Rereads } from './rereads.ts';
import { Room } from './room.ts';
import { Scrubber } from './scrubber.ts';
import type { RecallWish, SegmentStore } from './segment-store.ts';
import { Spill } from './spill.ts';
import { tiers as allTiers, type LowerTier, type Tier } from './tier.ts';
import { TieredBlobs } from './tiered-blobs.ts';
import type { BlobPlaces, ColdForm, ScrubReport, Tiers } from './tiers.ts';

/** One tier below the hot one. */
export interface LowerTierParts {
  readonly chunks: ChunkStore;
  /** Where its segments lie. */
  readonly segments: Pick<SegmentStore, 'usage'>;
  readonly hold?: Hold | undefined;
}

export type TieringStep =
  | 'migrate'
  | 'evict'
  | 'spill'
  | 'promote'
  | 'repair'
  | 'scrub'
  | 'trim'
  | 'defragment'
  | 'examine'
  | 'sweep-objects';

export interface NativeOptions {
  readonly store: NativeStore;
  readonly wholes: WholeObjects;
}

export interface TieringOptions {
  readonly hot: Omit<BlobsOptions, 'alsoRelease'>;
  /** What the hot tier may take of its device, in bytes. */
  readonly hotBytesMax?: number;
  /** Warmest first; none: everything stays hot. */
  readonly lower: readonly LowerTierParts[];
  readonly labels: BlobLabels;
  /** The cold store as a place for objects under their own keys. */
  readonly native?: NativeOptions;
  /** Of migrations, in bytes; 0: no limit. */
  readonly migrationBytesPerSecond: number;
  /** Of scrubbing in the background; 0 switches it off. */
  readonly scrubBytesPerSecond: number;
  /** Says that a step has work. */
  readonly wake: (step: TieringStep) => void;
}

/** The tiers of a gateway. */
export interface Tiering {
  readonly blobs: Blobs;
  /** Blobs that are ranges of objects of others. */
  readonly foreign: ForeignBlobs;
  /** One bounded unit of making ours what is only in a bucket of others that is left: see way-out.ts. */
  readonly wayOut: (binding: BindingId, after: BlobId | 0) => Promise<WayOut>;
  readonly tiers: Tiers;
  /** Background work; each call is one bounded unit. */
  readonly steps: Readonly<Record<TieringStep, () => Promise<'busy' | 'idle'>>>;
  /** This process stops: whoever waits for a migration in the queue hears so (see Migrations.breakOff). */
  readonly breakOff: () => void;
  /** What it has done since the start. */
  readonly counts: () => TieringCounts;
  /** What the last round of scrubbing that has ended has found. */
  readonly lastScrub: () => ScrubReport | undefined;
}

export interface TieringCounts extends HotUpkeep {
  /** Reads by the tier that answered. */
  readonly reads: Readonly<Record<Tier, number>>;
  readonly repaired: number;
  /** Blobs that no tier can give now, as far as readers have met them. */
  readonly lost: number;
}

/** What a tier whose size nobody knows counts for in the sum of all, in bytes: 1 PiB. */
const BYTES_OF_ENDLESS = 2 ** 50;

/** Opens the hot tier above those below it, and goes on with the migrations that the last process has left. */
export async function openTiering(options: TieringOptions): Promise<Tiering> {
  const { kv, nextId } = options.hot;
  const foreign = new ForeignCopies({ kv, nextId, compute: options.native?.store.compute });
  const lower = new LowerCopies(
    options.lower.map(({ chunks }) => chunks),
    foreign,
  );
  const known = { clean: new CleanCopies(), heat: new HeatMap(options.hot.environment.clock) };
  const alsoRelease: AlsoRelease = async (tx, ids) => {
    await lower.release(tx, ids);
    options.labels.forget(tx, ids);
    tx.whenCommitted(() => {
      for (const id of ids) {
        known.clean.forget(id);
        known.heat.forget(id);
      }
    });
  };
  const hot = await openBlobs({ ...options.hot, alsoRelease });
  return new OpenTiering(options, { hot, lower, foreign, ...known }).opened();
}

interface OpenedParts {
  readonly hot: HotBlobs;
  readonly lower: LowerCopies;
  readonly foreign: ForeignCopies;
  readonly clean: CleanCopies;
  readonly heat: HeatMap;
}

class OpenTiering {
  readonly #options: TieringOptions;
  readonly #kv: Kv;
  readonly #copies: Copies;
  readonly #foreign: ForeignCopies;
  readonly #heat: HeatMap;
  readonly #clean: CleanCopies;
  readonly #rereads = new Rereads();
  readonly #repairs: Repairs;
  readonly #descriptions: Descriptions;
  readonly #scrubber: Scrubber;
  readonly #move: MoveParts;
  readonly #changed = new ChangedOutside();
  readonly #sweep: ObjectSweep | undefined;
  readonly #reads: Record<Tier, number> = { hot: 0, warm: 0, cold: 0 };

  constructor(options: TieringOptions, { hot, lower, foreign, clean, heat }: OpenedParts) {
    const { kv, environment } = options.hot;
    const { clock, log } = environment;
    this.#options = options;
    this.#kv = kv;
    this.#foreign = foreign;
    this.#heat = heat;
    this.#clean = clean;
    const damaged = (id: BlobId, tier: Tier): void => this.#repairs.add(id, tier);
    this.#copies = new Copies({ kv, hot, lower, damaged });
    const healing = { copies: this.#copies, labels: options.labels };
    const { nextId } = options.hot;
    this.#descriptions = new Descriptions({ ...healing, kv, nextId, wake: () => options.wake('repair') });
    this.#repairs = new Repairs({ ...healing, clock, log, wake: () => options.wake('repair') });
    this.#scrubber = new Scrubber({ ...healing, clock, bytesPerSecond: options.scrubBytesPerSecond });
    const native = this.#nativeParts();
    this.#sweep = native && new ObjectSweep(native);
    this.#move = {
      ...healing,
      native: native && new NativeLayout(native),
      descriptions: this.#descriptions,
      cleaned: (id, bytesTaken) => this.#clean.add(id, bytesTaken),
      dropped: (id) => this.#clean.forget(id),
    };
  }

  #nativeParts(): NativeParts | undefined {
    const { native, labels, hot } = this.#options;
    if (native === undefined) return undefined;
    const { kv, environment, nextId } = hot;
    const foreign = this.#foreign;
    foreign.bind(NATIVE_BINDING, native.store.objects);
    foreign.whenOwnChanged((key) => this.#changed.addLost(key));
    return {
      ...{ kv, environment, nextId, labels, foreign, ...native, descriptions: this.#descriptions },
      ...{ copies: this.#copies, locks: new KeyLocks(), changed: this.#changed },
      isOnly: (id) => this.#clean.forget(id),
    };
  }

  async opened(): Promise<Tiering> {
    const { environment, nextId, inlineBytesMax = BLOB_INLINE_BYTES_MAX } = this.#options.hot;
    const { clock } = environment;
    const { wake } = this.#options;
    const copies = this.#copies;
    const migrations = await Migrations.open({
      environment,
      log: new MigrationLog(this.#kv),
      move: this.#move,
      pace: new Pace(clock, this.#options.migrationBytesPerSecond),
      present: this.#present(),
      usageOf: (tier) => this.#usageOf(tier),
      nextId,
      wake: () => wake('migrate'),
    });
    const facts = (): FillFacts => this.#facts();
    const watched = { clock, copies, clean: this.#clean, heat: this.#heat, migrations };
    const eviction = new Eviction({
      ...watched,
      labels: this.#options.labels,
      usageOf: (tier) => this.#usageOf(tier),
    });
    const room = new Room({
      ...{ clock, facts, wake: () => wake('evict') },
      evict: (bytesMin) => eviction.round(bytesMin),
      collect: () => copies.hot.collect(),
    });
    const spills = this.#spills(migrations);
    const foreign = this.#foreign;
    const promotions = new Promotions({
      ...{ copies, rereads: this.#rereads, migrations, eviction, facts },
      tooLong: (id, offset) => foreign.tooLong(id, offset),
    });
    const isAlone = this.#options.lower.length === 0;
    const exit = { copies, foreign, migrations, isOnly: (id: BlobId) => this.#clean.forget(id) };
    return {
      blobs: new TieredBlobs({
        copies,
        traffic: { staged: (id) => this.#heat.write(id), read: (...read) => this.#hasRead(...read) },
        // Without lower tiers nothing can make room, and the device may grow by itself.
        admit: (length, write) =>
          isAlone ? this.#admitAlone(eviction, length, write) : room.admit(length, write),
        usage: () => this.#usageOfAll(),
        shared: (tx, id) => (isAlone ? undefined : this.#descriptions.note(tx, id)),
        inlineBytesMax,
      }),
      foreign,
      wayOut: (binding, after) => wayOut(exit, binding, after),
      tiers: this.#tiers(migrations, room),
      steps: {
        migrate: () => migrations.step(),
        evict: () => (isAlone && !foreign.isOpen ? Promise.resolve('idle') : room.step()),
        spill: () => stepOf(spills),
        promote: () => promotions.step(),
        repair: async () => ((await this.#repairs.step()) === 'busy' ? 'busy' : this.#descriptions.step()),
        scrub: () => this.#scrubber.step(),
        trim: () => copies.hot.trim(),
        defragment: () => copies.hot.defragment(),
        examine: () => copies.hot.examine(),
        'sweep-objects': () => this.#sweep?.step() ?? Promise.resolve('idle'),
      },
      breakOff: () => migrations.breakOff(),
      counts: () => this.#counts(),
      lastScrub: () => this.#scrubber.last,
    };
  }

  #counts(): TieringCounts {
    const { healed: repaired, lost } = this.#repairs;
    return { reads: { ...this.#reads }, repaired, lost, ...this.#copies.hot.upkeep() };
  }

  /** Of each lower tier that has a colder one. */
  #spills(migrations: Migrations): readonly Spill[] {
    const { clock } = this.#options.hot.environment;
    const { lower } = this.#options;
    return lower.slice(0, -1).map(({ chunks: from, segments, hold }, index) => {
      const space = (): BlobUsage => spaceOf({ chunks: from, segments });
      const to = lower[index + 1]!.chunks;
      const givesUp = (): boolean => hold === undefined || hold.allows;
      const watched = { clock, copies: this.#copies, heat: this.#heat, migrations };
      return new Spill({ ...watched, from, to, space, givesUp });
    });
  }

  #tiers(migrations: Migrations, room: Room): Tiers {
    return {
      present: this.#present(),
      staged: this.#options.lower.flatMap(({ chunks }) => (chunks.isStaged ? [chunks.tier] : [])),
      recall: (id, wish) => this.#recall(id, wish),
      accept: (tier) => this.#accept(tier),
      placesOf: async (ids) => (await this.#copies.of(this.#kv, ids)).map((blob) => blob && placesOf(blob)),
      heatOf: (id) => this.#heat.of(id),
      coldFormOf: (id) => coldFormOf(this.#move, id),
      changedOutside: () => ({ keys: this.#changed.list(), lost: this.#changed.lost() }),
      takesBack: (tier) => this.#takesBack(tier),
      migrate: (order) => migrations.migrate(order),
      history: (policy) => migrations.history(policy),
      totals: () => migrations.totals(),
      flashMode: () => room.mode(),
      usage: () => ({
        hot: this.#hotUsage(),
        ...Object.fromEntries(
          this.#options.lower.map(({ chunks, segments }) => [
            chunks.tier,
            { ...chunks.usage(), ...segments.usage() },
          ]),
        ),
      }),
      scrub: (progress) => this.#scrubber.scrub(progress),
    };
  }

  /** Between its marks a tier that drains takes nothing back, or the same content would go up and down for ever. */
  #takesBack(tier: Tier): boolean {
    const found = this.#options.lower.slice(0, -1).find(({ chunks }) => chunks.tier === tier);
    return found === undefined || bytesToFree(spaceOf(found), true) === 0;
  }

  /** Copies of what lies in buckets of others make room for what is nowhere else. */
  async #admitAlone<Answer>(
    eviction: Eviction,
    length: number,
    write: () => Promise<Answer>,
  ): Promise<Answer> {
    try {
      return await write();
    } catch (cause) {
      const isFull = cause instanceof Fault && cause.code === 'no-space' && this.#foreign.isOpen;
      const wanted = Math.max(length, MIGRATION_BATCH_BYTES_MAX);
      if (!isFull || (await eviction.round(wanted)).bytes === 0) throw cause;
      return write();
    }
  }

  #present(): readonly Tier[] {
    const lower = this.#options.lower.map(({ chunks }): Tier => chunks.tier);
    return allTiers.filter((tier) => tier === 'hot' || lower.includes(tier));
  }

  async #accept(tier: LowerTier): Promise<boolean> {
    const hold = this.#options.lower.find(({ chunks }) => chunks.tier === tier)?.hold;
    if (hold?.isHeld !== true) return false;
    await hold.release();
    return true;
  }

  async #recall(id: BlobId, wish: RecallWish | undefined): Promise<boolean> {
    const [blob] = await this.#copies.of(this.#kv, [id]);
    if (blob === undefined || blob.hot !== undefined) return true;
    // What lies in a bucket of others is recalled by those whose it is.
    if ((await this.#foreign.rangeOf(this.#kv, id)) !== undefined) return true;
    const store = blob.lower[0] && this.#copies.lower.of(blob.lower[0]);
    return store?.isStaged === true ? store.recall(id, wish) : true;
  }

  #hasRead(
    id: BlobId,
    from: Tier,
    { offset, length }: { readonly offset: number; readonly length: number },
  ): void {
    this.#reads[from] += 1;
    this.#heat.read(id);
    if (from === 'hot') this.#clean.touch(id);
    else if (this.#rereads.read(id, offset, length)) this.#options.wake('promote');
  }

  #facts(): FillFacts {
    return { ...this.#hotUsage(), bytesClean: this.#clean.bytes };
  }

  #hotUsage(): BlobUsage {
    return usageWithin(this.#copies.hot.usage(), this.#options.hotBytesMax ?? Infinity);
  }

  #usageOf(tier: LowerTier): BlobUsage {
    const found = this.#options.lower.find(({ chunks }) => chunks.tier === tier);
    return found?.segments.usage() ?? { bytesTotal: 0, bytesFree: 0 };
  }

  #usageOfAll(): BlobUsage {
    const { bytesTotal, bytesFree } = this.#hotUsage();
    const sum = { bytesTotal, bytesFree };
    for (const { segments } of this.#options.lower) {
      const usage = segments.usage();
      sum.bytesTotal += Math.min(usage.bytesTotal, BYTES_OF_ENDLESS);
      sum.bytesFree += Math.min(usage.bytesFree, BYTES_OF_ENDLESS);
    }
    return sum;
  }
}

/** Of what could be in a tier. */
const spaceOf = ({ chunks, segments }: Pick<LowerTierParts, 'chunks' | 'segments'>): BlobUsage =>
  ownSpace(chunks.usage().bytesStored, segments.usage());

/** The first that has work. */
async function stepOf(spills: readonly Spill[]): Promise<'busy' | 'idle'> {
  for (const spill of spills) if ((await spill.step()) === 'busy') return 'busy';
  return 'idle';
}

async function coldFormOf(
  { copies, native }: Pick<MoveParts, 'copies' | 'native'>,
  id: BlobId,
): Promise<ColdForm | undefined> {
  const [blob] = await copies.of(copies.kv, [id]);
  if (blob?.lower.includes('cold') !== true) return undefined;
  const range = await copies.lower.foreign.rangeOf(copies.kv, id);
  if (range !== undefined)
    return range.native === undefined ? { kind: 'attached' } : { kind: 'own-key', key: range.key };
  return {
    kind: 'packed',
    because: native?.isWanted === true ? await native.packedBecause(blob) : undefined,
  };
}

const placesOf = ({ length, hot, lower }: BlobCopies): BlobPlaces => ({
  length,
  tiers: hot === undefined ? lower : ['hot', ...lower],
});
