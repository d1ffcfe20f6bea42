import type { Environment } from '../../environment.ts';
import type { StripeShape } from '../../workers/erasure.ts';
import type { Member } from './member.ts';
import { NOWHERE, type DeviceNumber } from './records.ts';
import { shapeFor } from './shape.ts';

/** All devices of a pool, in the order in which they came. */
export class Members {
  readonly configured: StripeShape;
  readonly #random: Environment['random'];
  readonly #members = new Map<DeviceNumber, Member>();

  constructor(configured: StripeShape, random: Environment['random']) {
    this.configured = configured;
    this.#random = random;
  }

  add(member: Member): void {
    this.#members.set(member.record.number, member);
  }

  /** One that never came into service. */
  remove({ record }: Member): void {
    this.#members.delete(record.number);
  }

  /** Those that have not been taken out. */
  all(): readonly Member[] {
    return [...this.#members.values()].filter(({ record }) => record.state !== 'removed');
  }

  byNumber(number: DeviceNumber | typeof NOWHERE): Member | undefined {
    return number === NOWHERE ? undefined : this.#members.get(number);
  }

  /** The one that is meant by a path: of two, the one in service. */
  byPath(path: string): Member | undefined {
    const found = this.all().filter(({ record }) => record.path === path);
    return found.find(({ record }) => record.state === 'in-service') ?? found[0];
  }

  /** `undefined`: nothing can be written now. */
  shape(): StripeShape | undefined {
    const expected = this.all().filter(({ isExpected }) => isExpected);
    const writable = expected.filter(({ isWritable }) => isWritable);
    return shapeFor(this.configured, { expected: expected.length, writable: writable.length });
  }

  /**
   * Who may take new shards, in the order to ask them: random, weighted by free space, so that all fill together and data
   * and parity are on each as often.
   */
  writable(): readonly Member[] {
    const weighed = this.all()
      .filter(({ isWritable }) => isWritable)
      .map((member) => ({ member, key: this.#draw() / member.space.bytesFree }));
    return weighed.toSorted((a, b) => a.key - b.key).map(({ member }) => member);
  }

  /** Of an exponential distribution: the least of several, each divided by its weight, is a weighted choice. */
  #draw(): number {
    return -Math.log((this.#random.below(2 ** 32) + 1) / (2 ** 32 + 1));
  }
}
