import type { AuditEvent } from '../audit/event.ts';
import { Fault } from '../fault.ts';
import type { KvTransaction } from '../kv/kv.ts';
import { loadInode, noSuchBucket } from './attributes.ts';
import { bucketKey, inodeKey } from './keys.ts';
import type { Bucket, ByActor } from './namespace.ts';
import type { Parts } from './parts.ts';
import { decodeBucket, encodeBucket, encodeInode } from './records.ts';
import type { BucketRules } from './version.ts';

/** See ObjectStore.changeBucketRules. The bucket's row and its directory say the same. */
export async function changeBucketRules(
  parts: Parts,
  { ino, name, by }: Pick<Bucket, 'ino' | 'name'> & ByActor,
  change: Partial<BucketRules>,
): Promise<void> {
  await transactRules(parts, { name, by, rules: change }, async (tx, note) => {
    const bytes = await tx.get(bucketKey(name));
    const known = bytes === undefined ? undefined : decodeBucket(bytes);
    if (known?.ino !== ino) throw noSuchBucket(name);
    const rules = { ...known.rules, ...change };
    const refusal = refusalOf(known.rules, rules);
    if (refusal !== undefined) throw new RulesRefusal(`${name}: ${refusal}`, known.rules);
    tx.put(bucketKey(name), encodeBucket({ ...known, rules }));
    tx.put(inodeKey(ino), encodeInode({ ...(await loadInode(tx, ino)), rules }));
    note(known.rules, rules);
  });
}

/** What AWS calls an invalid bucket state. */
class RulesRefusal extends Fault {
  readonly rules: BucketRules;

  constructor(detail: string, rules: BucketRules) {
    super('conflict', 'bucket', detail);
    this.rules = rules;
  }
}

function refusalOf(before: BucketRules, after: BucketRules): string | undefined {
  if (before.versioning !== 'off' && after.versioning === 'off') return 'versioning stays';
  if (before.objectLock !== undefined && after.objectLock === undefined) return 'object lock stays';
  if (after.objectLock !== undefined && after.versioning !== 'enabled') return 'object lock needs versioning';
  return undefined;
}

/**
 * A durable transaction that changes, or sets for the first time, what holds in a bucket. When that is about object lock
 * it tells `note` so and leaves a row in the audit trail; so does a refusal for the sake of object lock.
 */
export async function transactRules<Result>(
  { kv, trail }: Parts,
  { name, by, rules }: { readonly name: string; readonly rules: Partial<BucketRules> } & ByActor,
  body: (tx: KvTransaction, note: (before: BucketRules, after: BucketRules) => void) => Promise<Result>,
): Promise<Result> {
  const event = (kind: AuditEvent['kind'], detail: string): AuditEvent => ({
    ...{ kind, actor: by, bucket: name, detail },
  });
  const transact = (order: number | undefined): Promise<Result> =>
    kv.transact('durable', (tx) =>
      body(tx, (before, after) => {
        const isChange = shown(before) !== shown(after);
        if (isChange && order !== undefined)
          trail.put(tx, order, event('configuration-changed', `${shown(after)}; before: ${shown(before)}`));
      }),
    );
  try {
    return await (rules.objectLock === undefined ? transact(undefined) : trail.changing(transact));
  } catch (failure) {
    if (failure instanceof RulesRefusal && failure.rules.objectLock !== undefined && by !== undefined)
      await trail.refused(event('refused', failure.detail));
    throw failure;
  }
}

function shown({ objectLock }: BucketRules): string {
  if (objectLock === undefined) return 'no object lock';
  const { defaultRetention } = objectLock;
  if (defaultRetention === undefined) return 'object lock without default retention';
  const { mode, amount, unit } = defaultRetention;
  return `object lock with a default retention of ${amount} ${unit} in ${mode} mode`;
}
