import type { Environment, Time } from '../environment.ts';
import { Fault } from '../fault.ts';
import type { Kv } from '../kv/kv.ts';
import { PAGE_ENTRIES_MAX } from '../limits.ts';
import { MOVES_ENDED_SHOWN_MAX, MOVES_OPEN_MAX, POLICY_STEP_SLICES } from '../limits/storage-policy.ts';
import type { Tiers } from '../tiering/tiers.ts';
import { Orders, type Ended } from './orders.ts';
import { decodeMove, encodeMove, idOfMoveKey, moveKey, moveRange, type MoveRow } from './records.ts';
import { survey, type SurveyParts } from './survey.ts';
import { targetOf } from './target.ts';

export interface MoveStatus extends MoveRow {
  readonly id: number;
  readonly state: 'waiting' | 'running' | 'completed' | 'failed';
  /** Looked at so far. */
  readonly objects: number;
  readonly bytes: number;
  /** Of these, what had to move and has. */
  readonly blobsMoved: number;
  readonly bytesMoved: number;
  /** Migrations that failed, and why the last one did. */
  readonly failures: number;
  readonly error?: string;
  readonly orderedAt: Time;
}

type Move = { -readonly [Member in keyof MoveStatus]: MoveStatus[Member] };

export interface MovesParts extends SurveyParts {
  readonly kv: Kv;
  readonly tiers: Pick<Tiers, 'placesOf' | 'migrate' | 'present'>;
  readonly environment: Pick<Environment, 'clock' | 'log'>;
  /** Above all that were given before. */
  readonly nextId: () => number;
}

/**
 * Moves that somebody ordered: everything below a target to one tier. They are rows until they are done, and are carried out one
 * after the other; a restart begins the one under way again, which finds most of its work done.
 */
export class Moves {
  readonly #parts: MovesParts;
  readonly #open = new Map<number, Move>();
  readonly #ended = new Map<number, Move>();
  #running: AsyncGenerator<undefined, void> | undefined;

  private constructor(parts: MovesParts) {
    this.#parts = parts;
  }

  static async open(parts: MovesParts): Promise<Moves> {
    const moves = new Moves(parts);
    for await (const page of parts.kv.scan(moveRange(), { pageEntries: PAGE_ENTRIES_MAX }))
      for (const { key, value } of page) moves.#adopt(idOfMoveKey(key), decodeMove(value));
    return moves;
  }

  /** In the order in which they were given. */
  list(): readonly MoveStatus[] {
    return [...this.#ended.values(), ...this.#open.values()];
  }

  get(id: number): MoveStatus | undefined {
    return this.#open.get(id) ?? this.#ended.get(id);
  }

  /**
   * Durable when it resolves. Fault('invalid-argument', 'request') for a tier that there is not, Fault('not-found', 'bucket'),
   * Fault('throttled', 'request') while too many wait.
   */
  async order(row: MoveRow): Promise<MoveStatus> {
    const { kv, objects, tiers, nextId } = this.#parts;
    if (!tiers.present.includes(row.to)) {
      const present = tiers.present.join(', ');
      const detail = `There is no ${row.to} tier: this gateway has ${present}.`;
      throw new Fault('invalid-argument', 'request', detail);
    }
    const { bucket } = targetOf(row.target);
    if ((await objects.bucket(bucket)) === undefined)
      throw new Fault('not-found', 'bucket', `There is no bucket ${bucket}.`);
    if (this.#open.size >= MOVES_OPEN_MAX)
      throw new Fault('throttled', 'request', `${MOVES_OPEN_MAX} moves wait already: try again later.`);
    const id = nextId();
    await kv.transact('durable', (tx) => {
      tx.put(moveKey(id), encodeMove(row));
      return Promise.resolve();
    });
    return this.#adopt(id, row);
  }

  /** One bounded unit; a move that broke off is tried again at the next call. */
  async step(): Promise<'busy' | 'idle'> {
    const [move] = this.#open.values();
    if (move === undefined) return 'idle';
    this.#running ??= this.#run(move);
    const running = this.#running;
    try {
      if ((await running.next()).done) this.#running = undefined;
    } catch (failure) {
      this.#running = undefined;
      throw failure;
    }
    return 'busy';
  }

  #adopt(id: number, row: MoveRow): Move {
    const counts = { objects: 0, bytes: 0, blobsMoved: 0, bytesMoved: 0, failures: 0 };
    const orderedAt = this.#parts.environment.clock.wall();
    const move: Move = { id, ...row, state: 'waiting', ...counts, orderedAt };
    this.#open.set(id, move);
    return move;
  }

  async *#run(move: Move): AsyncGenerator<undefined, void> {
    Object.assign(move, { state: 'running', objects: 0, bytes: 0 });
    const ended: Ended = ({ outcome, error, blobs, bytes }) => {
      if (outcome === 'completed') {
        move.blobsMoved += blobs;
        move.bytesMoved += bytes;
        return;
      }
      move.failures += 1;
      if (error !== undefined) move.error = error;
    };
    const { to } = move;
    const orders = new Orders(this.#parts.tiers, { to, trigger: 'order' }, ended);
    let seen = 0;
    for await (const { index, bytes, blobs } of survey(this.#parts, targetOf(move.target))) {
      if (index === 0) move.objects += 1;
      move.bytes += bytes;
      await orders.add(blobs.filter(({ tiers }) => tiers[0] !== to));
      seen += 1;
      if (seen % POLICY_STEP_SLICES === 0) yield;
    }
    await orders.flush();
    await this.#end(move);
  }

  async #end(move: Move): Promise<void> {
    await this.#parts.kv.transact('durable', (tx) => {
      tx.delete(moveKey(move.id));
      return Promise.resolve();
    });
    move.state = move.failures === 0 ? 'completed' : 'failed';
    this.#open.delete(move.id);
    this.#ended.set(move.id, move);
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > MOVES_ENDED_SHOWN_MAX && oldest !== undefined) this.#ended.delete(oldest);
  }
}
