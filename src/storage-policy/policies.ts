import { Fault } from '../fault.ts';
import type { Kv } from '../kv/kv.ts';
import { PAGE_ENTRIES_MAX } from '../limits.ts';
import { STORAGE_POLICIES_MAX } from '../limits/storage-policy.ts';
import type { ObjectKey } from '../namespace/namespace.ts';
import type { StoragePolicyDocument } from './document.ts';
import { storagePolicyOf, type StoragePolicy } from './policy.ts';
import { decodePolicy, encodePolicy, nameOfPolicyKey, policyKey, policyRange } from './records.ts';
import { isWithin } from './target.ts';

export interface NamedPolicy {
  readonly document: StoragePolicyDocument;
  readonly policy: StoragePolicy;
}

/**
 * The storage policies, rows of the store and in memory. Changes are durable when they resolve. Faults have the subject
 * 'policy' and a sentence as detail.
 */
export interface StoragePolicies {
  /** By name. */
  list(): readonly NamedPolicy[];
  get(name: string): NamedPolicy | undefined;
  /** The one with the longest target that the object lies in. */
  about(bucket: string, key: ObjectKey): StoragePolicy | undefined;
  /** Adds the policy or replaces the one of that name. Fault('invalid-argument'), Fault('quota-exceeded'). */
  put(name: string, document: StoragePolicyDocument): Promise<NamedPolicy>;
  /** Fault('not-found'). */
  remove(name: string): Promise<void>;
}

export async function openStoragePolicies(kv: Kv): Promise<StoragePolicies> {
  const book = new PolicyBook(kv);
  for await (const page of kv.scan(policyRange(), { pageEntries: PAGE_ENTRIES_MAX })) {
    for (const { key, value } of page)
      book.adopt(nameOfPolicyKey(key), JSON.parse(decodePolicy(value)) as StoragePolicyDocument);
  }
  return book;
}

class PolicyBook implements StoragePolicies {
  readonly #kv: Kv;
  readonly #known = new Map<string, NamedPolicy>();

  constructor(kv: Kv) {
    this.#kv = kv;
  }

  list(): readonly NamedPolicy[] {
    return [...this.#known.values()].sort((one, other) => (one.policy.name < other.policy.name ? -1 : 1));
  }

  get(name: string): NamedPolicy | undefined {
    return this.#known.get(name);
  }

  about(bucket: string, key: ObjectKey): StoragePolicy | undefined {
    let best: StoragePolicy | undefined;
    for (const { policy } of this.#known.values()) {
      if (policy.target.bucket !== bucket || !isWithin(policy.target, key)) continue;
      if (best === undefined || isBefore(policy, best)) best = policy;
    }
    return best;
  }

  async put(name: string, document: StoragePolicyDocument): Promise<NamedPolicy> {
    const named = { document, policy: storagePolicyOf(name, document) };
    await this.#kv.transact('durable', async (tx) => {
      const isNew = !this.#known.has(name) && (await tx.get(policyKey(name))) === undefined;
      if (isNew && this.#known.size >= STORAGE_POLICIES_MAX)
        throw new Fault(
          'quota-exceeded',
          'policy',
          `There are ${STORAGE_POLICIES_MAX} storage policies already: remove one.`,
        );
      tx.put(policyKey(name), encodePolicy(JSON.stringify(document)));
      tx.whenCommitted(() => this.#known.set(name, named));
    });
    return named;
  }

  async remove(name: string): Promise<void> {
    await this.#kv.transact('durable', async (tx) => {
      if ((await tx.get(policyKey(name))) === undefined)
        throw new Fault('not-found', 'policy', `There is no storage policy ${name}.`);
      tx.delete(policyKey(name));
      tx.whenCommitted(() => this.#known.delete(name));
    });
  }

  adopt(name: string, document: StoragePolicyDocument): void {
    this.#known.set(name, { document, policy: storagePolicyOf(name, document) });
  }
}

/** The longer prefix decides; between two of the same target the lower name. */
function isBefore(one: StoragePolicy, other: StoragePolicy): boolean {
  const [length, otherLength] = [one.target.prefix.length, other.target.prefix.length];
  return length === otherLength ? one.name < other.name : length > otherLength;
}
