import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../src/environment.ts';
import type { Ino } from '../../src/namespace/namespace.ts';
import { signedCall } from '../gateway/admin/signed-call.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import type { ModelDirectory } from '../namespace/model/tree.ts';
import { clientAtWork, requireOrder } from './clients.ts';
import type { Doors } from './doors.ts';
import { History } from './history.ts';
import { NfsWire } from './nfs-wire.ts';
import type { Maker } from './operation.ts';
import { rootKeys, type RealGateway } from './real-gateway.ts';
import { recordRecovery } from './recovered.ts';
import { asked, s3Doors } from './s3-wire.ts';

const CLIENTS = 5;
const CALLS_EACH = 10;
/** Rows of the store, and the device. */
const LENGTHS = [4, 60, 20_000] as const;
/** A round without a kill takes about as long. */
const KILL_MS_MAX = 60;
const MOVE_MS = 20;

export interface RealOptions {
  readonly seed: number;
  /** The process is killed in the middle, and clients go on with the handles that they have. */
  readonly kills: boolean;
  /** Content moves between tiers meanwhile; the gateway must have a warm pool. */
  readonly moves: boolean;
  /** Puts something between clients and doors. */
  readonly around?: (doors: Doors) => Doors;
}

/** Clients of both doors of a running gateway on the same names of a bucket of their own; faults when no order explains what they saw. */
export async function realRound(gateway: RealGateway, options: RealOptions): Promise<number> {
  const round = await RealRound.open(gateway, options);
  if (options.kills) {
    const working = round.work(await round.connect());
    await sleep(round.random.below(KILL_MS_MAX));
    await gateway.kill();
    await working;
    await gateway.start();
    await round.recover();
  }
  await round.work(await round.connect());
  requireOrder(round.history.calls, round.top);
  return round.history.calls.length;
}

class RealRound {
  readonly history = new History<ModelDirectory>();
  readonly random: Random;
  readonly top: Ino;
  readonly #gateway: RealGateway;
  readonly #options: RealOptions;
  readonly #bucket: string;
  readonly #handles = new Map<Ino, Uint8Array>();
  readonly #contents = new Map<string, string>();
  readonly #known: Pick<Maker, 'directories' | 'files' | 'contents'>[];
  #lastContent = 0;
  /** Of each life of the process. */
  readonly #verifiers: Set<string>[] = [];

  private constructor(gateway: RealGateway, options: RealOptions, at: { bucket: string; top: Ino }) {
    this.#gateway = gateway;
    this.#options = options;
    this.#bucket = at.bucket;
    this.top = at.top;
    this.random = seededRandom(options.seed);
    this.#known = Array.from({ length: CLIENTS }, () => ({ directories: [at.top], files: [], contents: [] }));
  }

  static async open(gateway: RealGateway, options: RealOptions): Promise<RealRound> {
    const bucket = `round-${options.seed}`;
    await asked({ ...rootKeys, port: gateway.ports.s3, bucket }, { method: 'PUT', bucket });
    const handles = new Map<Ino, Uint8Array>();
    const nfs = await NfsWire.connect(gateway.ports.nfs, handles);
    const top = await nfs.mount(bucket);
    await nfs.close();
    const round = new RealRound(gateway, options, { bucket, top });
    for (const [ino, handle] of handles) round.#handles.set(ino, handle);
    return round;
  }

  /** A connection for each client. */
  connect(): Promise<readonly NfsWire[]> {
    return Promise.all(this.#known.map(() => this.#connect()));
  }

  /** All clients, until they have made their calls or the process is gone. */
  async work(wires: readonly NfsWire[]): Promise<void> {
    const verifiers = new Set<string>();
    this.#verifiers.push(verifiers);
    let isOver = false;
    const moving = this.#options.moves ? this.#move(() => isOver) : Promise.resolve();
    const clients = wires.map((nfs, index) => {
      const doors = this.#doors(nfs);
      const chance = { random: this.random, lengths: LENGTHS, nextContent: () => (this.#lastContent += 1) };
      const maker = { doors, ...chance, ...this.#known[index]! };
      const rest = (): Promise<void> => Promise.resolve();
      return clientAtWork(this.history, maker, { client: index + 1, calls: CALLS_EACH, rest });
    });
    await Promise.all(clients);
    isOver = true;
    await moving;
    for (const nfs of wires) {
      for (const verifier of nfs.verifiers) verifiers.add(verifier);
      await nfs.close();
    }
    this.#checkVerifiers();
  }

  async recover(): Promise<void> {
    const nfs = await this.#connect();
    await recordRecovery(this.history, this.#doors(nfs), this.top);
    await nfs.close();
  }

  /** RFC 1813 §3.3.7: one for each life of the server, so that clients know what to send again. */
  #checkVerifiers(): void {
    for (const verifiers of this.#verifiers) assert(verifiers.size <= 1, 'a process has one write verifier');
    const all = this.#verifiers.flatMap((verifiers) => [...verifiers]);
    assert.equal(new Set(all).size, all.length, 'a restart has another write verifier');
  }

  #connect(): Promise<NfsWire> {
    return NfsWire.connect(this.#gateway.ports.nfs, this.#handles);
  }

  #doors(nfs: NfsWire): Doors {
    const wire = { ...rootKeys, port: this.#gateway.ports.s3, bucket: this.#bucket };
    const doors = { ...s3Doors(wire, this.#contents), ...nfs.nameDoors(), ...nfs.contentDoors() };
    return this.#options.around?.(doors) ?? doors;
  }

  /** Orders all of the bucket to one tier and the other. */
  async #move(isOver: () => boolean): Promise<void> {
    const url = `http://127.0.0.1:${this.#gateway.ports.admin}/v1/tiers/moves`;
    for (let count = 0; !isOver(); count += 1) {
      const body = { target: this.#bucket, to: count % 2 === 0 ? 'warm' : 'hot' };
      await signedCall(url, 'POST', { ...rootKeys, body }).catch(() => undefined);
      await sleep(MOVE_MS);
    }
  }
}
